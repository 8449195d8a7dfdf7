"""The inbox hands over everything, in order, and waits only when it is empty."""

from __future__ import annotations

import threading
from collections import Counter

from streamdetect.mqtt.inbox import LARGE, Inbox, Message

FOREVER = 60.0


def message(number: int, qos: int = 0) -> Message:
    return Message("in/a", str(number).encode(), qos, number, 1, 0.0, retain=False)


def numbers(messages) -> list[int]:
    return [int(message.payload) for message in messages]


def filled(count: int, *, limit: int = 1000, qos: int = 0) -> Inbox:
    inbox = Inbox(limit)
    for number in range(count):
        inbox.put(message(number, qos))
    return inbox


def test_a_backlog_is_returned_at_once_up_to_max_batch():
    inbox = filled(10)
    assert numbers(inbox.take(4, FOREVER, FOREVER)) == [0, 1, 2, 3]
    assert numbers(inbox.take(100, FOREVER, FOREVER)) == [4, 5, 6, 7, 8, 9]
    assert inbox.depth == 0


def test_an_empty_inbox_gives_an_empty_list_after_idle_wait():
    assert filled(0).take(10, FOREVER, 0.001) == []


def test_the_first_message_ends_the_wait_and_a_full_batch_ends_the_filling():
    inbox = filled(0)
    taken: list[Message] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(3, FOREVER, FOREVER)), daemon=True)
    taker.start()
    for number in range(3):
        inbox.put(message(number))
    taker.join(FOREVER)
    assert numbers(taken) in ([0], [0, 1], [0, 1, 2])  # the taker may have come late, to a backlog
    assert not taker.is_alive()


def test_a_batch_that_does_not_fill_is_returned_after_max_wait():
    inbox = filled(0)
    taken: list[Message] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(3, 0.001, FOREVER)), daemon=True)
    taker.start()
    inbox.put(message(0))
    taker.join(FOREVER)
    assert numbers(taken) == [0]


def test_a_batch_of_one_is_not_waited_for():
    inbox = filled(0)
    taken: list[Message] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(1, FOREVER, FOREVER)), daemon=True)
    taker.start()
    inbox.put(message(0))
    taker.join(FOREVER)
    assert numbers(taken) == [0]


def test_at_qos_0_the_oldest_makes_room_and_is_counted():
    inbox = filled(13, limit=10)
    assert inbox.dropped == 3
    assert numbers(inbox.take(100, 0, 0)) == list(range(3, 13))


def test_at_qos_1_nothing_is_dropped():
    inbox = filled(13, limit=10, qos=1)
    assert inbox.dropped == 0
    assert numbers(inbox.take(100, 0, 0)) == list(range(13))


def test_a_qos_0_message_never_drives_out_one_of_qos_1():
    inbox = filled(10, limit=10, qos=1)
    inbox.put(message(10, qos=0))
    assert inbox.dropped == 1
    assert numbers(inbox.take(100, 0, 0)) == list(range(10))


def test_put_and_take_on_two_threads_lose_nothing_but_what_is_counted():
    inbox = Inbox(50)
    count = 20_000
    writer = threading.Thread(target=lambda: [inbox.put(message(n)) for n in range(count)], daemon=True)
    writer.start()
    taken: list[int] = []
    while writer.is_alive() or inbox.depth:
        taken += numbers(inbox.take(7, 0.0001, 0.001))
    assert len(taken) + inbox.dropped == count
    assert taken == sorted(taken)
    assert max(Counter(taken).values()) == 1


def large(topic: str = "in/large", qos: int = 1, size: int = LARGE + 1) -> Message:
    return Message(topic, b"x" * size, qos, 9, 1, 0.0, retain=False)


def test_large_messages_keep_nobody_waiting_but_those_of_their_topic():
    inbox = Inbox(100)
    first, same, second = large(), message(1)._replace(topic="in/large"), large("in/other")
    for one in (first, same, second, message(2)):
        inbox.put(one)
    assert inbox.depth == 4
    assert numbers(inbox.take(10, 0, 0)) == [2]
    assert inbox.take_large() is first
    inbox.put(message(3)._replace(topic="in/large"))
    assert inbox.take(10, 0, 0) == []
    inbox.finished(first)
    assert inbox.take_large() is same
    inbox.finished(same)
    assert inbox.take_large() is second
    inbox.put(message(4)._replace(topic="in/large"))
    inbox.finished(second)
    assert inbox.take_large().payload == b"3"
    assert inbox.take_large().payload == b"4"
    assert inbox.take_large() is None


def test_where_topics_are_not_apart_nothing_overtakes_a_large_message():
    inbox = Inbox(100)
    inbox.in_order = True
    for one in (message(1), large(), message(2)):
        inbox.put(one)
    assert numbers(inbox.take(10, 0, 0)) == [1]
    taken = [inbox.take_large(), inbox.take_large()]
    assert taken[1].payload == b"2"
    for one in taken:
        inbox.finished(one)
    inbox.put(message(3))
    assert numbers(inbox.take(10, 0, 0)) == [3]


def test_a_turn_is_bounded_in_bytes():
    inbox = Inbox(10_000)
    for number in range(100):
        inbox.put(Message("in/a", b"%4000d" % number, 1, number, 1, 0.0, retain=False))
    taken = []
    while inbox.depth:
        turn = inbox.take(512, 0, 0)
        assert 0 < sum(len(one.payload) for one in turn) <= 128 << 10
        taken += turn
    assert numbers(taken) == list(range(100))
    assert inbox.size == 0


def test_bytes_are_bounded_and_counted():
    inbox = Inbox(1000, most_bytes=10_000)
    for number in range(4):
        inbox.put(large(qos=0, topic=f"in/{number}"))
    assert (inbox.depth, inbox.dropped, inbox.crowded) == (3, 1, True)
    inbox.put(large(qos=1))
    assert inbox.depth == 4, "above QoS 0 nothing is dropped"
    while one := inbox.take_large():
        inbox.finished(one)
    assert (inbox.size, inbox.crowded) == (0, False)


def test_the_oldest_make_room_for_bytes():
    inbox = Inbox(1000, most_bytes=1000)
    for number in range(20):
        inbox.put(Message("in/a", b"%100d" % number, 0, 0, 1, 0.0, retain=False))
    assert inbox.dropped == 10
    assert numbers(inbox.take(100, 0, 0)) == list(range(10, 20))


def test_what_the_broker_sends_again_is_dropped_from_both_queues():
    inbox = Inbox(100)
    for one in (message(1, 1), large(), message(2), large("in/b", qos=0)):
        inbox.put(one)
    assert inbox.forget_acknowledgeable() == 2
    assert numbers(inbox.take(10, 0, 0)) == [2]
    assert inbox.take_large().topic == "in/b"
    inbox.put(message(3)._replace(topic="in/large"))
    assert numbers(inbox.take(10, 0, 0)) == [3], "nothing large of that topic is there any more"
