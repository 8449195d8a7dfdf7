"""A message that was taken in is known when it comes again, and no other."""

from __future__ import annotations

from streamdetect.mqtt.inbox import Message
from streamdetect.service.receipts import Receipts


def message(mid, payload=b"21.5", topic="in/a", *, dup=False, qos=1):
    return Message(topic, payload, qos, mid, 1, 0.0, retain=False, dup=dup)


def test_what_was_taken_in_is_known_when_it_comes_again():
    receipts = Receipts(10)
    receipts.note([message(1), message(2)])
    again = [message(1, dup=True), message(2, dup=True), message(3, dup=True)]
    assert receipts.fresh(again) == again[2:]
    assert receipts.recognised == 2


def test_a_message_that_is_not_sent_again_is_new_whatever_its_id_and_content():
    receipts = Receipts(10)
    receipts.note([message(1)])
    fresh = [message(1)]
    assert receipts.fresh(fresh) == fresh


def test_another_content_topic_or_id_is_another_message():
    receipts = Receipts(10)
    receipts.note([message(1)])
    others = [message(1, b"21.6", dup=True), message(1, topic="in/b", dup=True), message(2, dup=True)]
    assert receipts.fresh(others) == others


def test_it_is_forgotten_when_so_many_others_came_after_it():
    receipts = Receipts(10)
    receipts.note([message(1)])
    receipts.note([message(mid) for mid in range(2, 11)])
    assert receipts.knows(message(1, dup=True))
    receipts.note([message(11)])
    assert not receipts.knows(message(1, dup=True))


def test_at_qos_0_there_is_nothing_to_remember():
    receipts = Receipts(10)
    receipts.note([message(0, qos=0)])
    assert receipts.pending() is None


def test_they_survive_as_bytes():
    receipts = Receipts(10)
    receipts.note([message(1)])
    receipts.note([message(65_535, b"x")])
    pending = receipts.pending()
    assert (pending.messages, pending.kept) == (2, 10)
    receipts.committed()
    assert receipts.pending() is None
    later = Receipts(10, [pending.receipts])
    assert later.knows(message(1, dup=True))
    assert later.knows(message(65_535, b"x", dup=True))
    assert not later.knows(message(2, dup=True))
