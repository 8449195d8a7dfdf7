"""The inbox hands over everything, in order, and waits only when it is empty."""

from __future__ import annotations

import threading
from collections import Counter

from streamdetect.mqtt.inbox import Inbox, Message

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
