"""Messages come in, are acknowledged after their effect, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from counting import counted

from streamdetect.mqtt.client import PacedClient
from streamdetect.mqtt.inbox import Inbox

NUMBERS = [str(number) for number in range(100)]

# A process that takes 30 messages, acknowledges 10 and then does nothing until it is killed.
CONSUMER = """
import sys, time
from streamdetect.config import MqttConfig
from streamdetect.mqtt.inbox import Inbox
from streamdetect.mqtt.edge import MqttEdge

inbox = Inbox(1000)
settings = MqttConfig(host="127.0.0.1", port=int(sys.argv[1]), client_id="edge", max_undelivered_messages=31)
edge = MqttEdge(settings, ["in/#"], inbox, status_topic="test/status")
edge.start()
messages = []
while len(messages) < 30:
    messages += inbox.take(30 - len(messages), 0, 0.1)
edge.ack([(message.generation, message.mid) for message in messages[:10]])
while len(messages) < 40:
    messages += inbox.take(10, 0, 0.1)
print("acknowledged", flush=True)
time.sleep(600)
"""


def acks(messages):
    return [(message.generation, message.mid) for message in messages if message.qos]


def texts(messages):
    return [message.payload.decode() for message in messages]


def test_messages_arrive_in_order_as_they_were_sent(mosquitto, edge, take):
    broker = mosquitto()
    _, inbox = edge(broker)
    broker.publish("in/a", NUMBERS)
    messages = take(inbox, 100)
    assert texts(messages) == NUMBERS
    assert {(m.topic, m.qos, m.generation, m.retain) for m in messages} == {("in/a", 1, 1, False)}


def test_no_more_is_read_than_may_be_unacknowledged(mosquitto, edge, take, until):
    broker = mosquitto()
    one, inbox = edge(broker, max_undelivered_messages=7)
    broker.publish("in/a", NUMBERS)
    taken = take(inbox, 6)  # what is asked for is one less than what would stop the reading
    assert broker.retained("test/status") == "online"  # a round trip: nothing else was on its way
    assert inbox.depth == 0
    batch = taken
    while len(taken) < 100:
        one.ack(acks(batch))
        until(lambda: inbox.depth, "more after the acknowledgements")
        assert inbox.depth <= 7
        batch = inbox.take(100, 0, 0)
        taken = taken + batch
    assert texts(taken) == NUMBERS


def test_what_was_not_acknowledged_comes_again_after_sigkill_and_the_will_is_published(
    mosquitto, edge, take, until
):
    broker = mosquitto()
    command = [sys.executable, "-c", CONSUMER, str(broker.port)]
    with ExitStack() as stack:
        consumer = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(consumer.kill)
        until(lambda: "Received SUBSCRIBE" in broker.log.read_text(), "subscribed")
        broker.publish("in/a", NUMBERS)
        assert consumer.stdout.readline() == b"acknowledged\n"
        assert broker.retained("test/status") == "online"
    until(lambda: broker.retained("test/status") == "offline", "the will")
    one, inbox = edge(broker)
    messages = take(inbox, 90)
    assert texts(messages) == NUMBERS[10:]
    one.ack(acks(messages))
    assert counted(one, "mqtt_session_losses") == 0


def test_a_stop_sends_the_last_acknowledgements_before_it_disconnects(mosquitto, edge, take):
    broker = mosquitto()
    one, inbox = edge(broker)
    broker.publish("in/a", NUMBERS)
    messages = take(inbox, 100)
    one.ack(acks(messages[:60]))
    assert one.stop(5)
    assert broker.retained("test/status") == "offline"
    _, inbox = edge(broker)
    assert texts(take(inbox, 40)) == NUMBERS[60:]


def test_acknowledgements_of_a_lost_connection_are_dropped_and_counted(mosquitto, edge, take, until):
    broker = mosquitto()
    one, inbox = edge(broker)
    broker.publish("in/a", NUMBERS[:5])
    old = take(inbox, 5)
    broker.kill()
    broker.start()
    until(lambda: one.subscribed and counted(one, "mqtt_connects") == 2, "reconnected")
    broker.publish("in/a", NUMBERS[5:10])
    new = take(inbox, 5)
    assert {m.mid for m in old} & {m.mid for m in new}, "the new session should reuse packet ids"
    one.ack(acks(old))
    until(lambda: counted(one, "mqtt_stale_acks") == 5, "stale acknowledgements")
    assert one.stop(5)
    _, inbox = edge(broker)
    assert texts(take(inbox, 5)) == NUMBERS[5:10], "a stale acknowledgement ate a new message"


def test_it_subscribes_again_after_a_broker_restart_and_counts_the_lost_session(mosquitto, edge, take, until):
    broker = mosquitto()
    one, inbox = edge(broker)
    broker.restart()
    until(lambda: one.subscribed and counted(one, "mqtt_connects") == 2, "reconnected")
    broker.publish("in/a", ["1"])
    assert texts(take(inbox, 1)) == ["1"]
    assert counted(one, "mqtt_session_losses") == 1
    assert counted(one, "mqtt_disconnects") == 1
    assert not one.last_error


def test_messages_sent_while_we_were_away_are_waiting(mosquitto, edge, take):
    broker = mosquitto()
    one, _ = edge(broker)
    assert one.stop(5)
    broker.publish("in/a", NUMBERS)
    _, inbox = edge(broker)
    assert texts(take(inbox, 100)) == NUMBERS


def test_without_a_persistent_session_nothing_is_kept(mosquitto, edge, take):
    broker = mosquitto()
    one, _ = edge(broker, persistent_session=False)
    assert one.stop(5)
    broker.publish("in/a", ["lost"])
    _, inbox = edge(broker, persistent_session=False)
    broker.publish("in/a", ["seen"])
    assert texts(take(inbox, 1)) == ["seen"]


def test_retained_messages_are_marked_and_not_replayed_on_reconnect(mosquitto, edge, take, until):
    broker = mosquitto("persistence true", "autosave_on_changes true", "autosave_interval 1")
    broker.publish("in/a", ["old"], "-r")
    one, inbox = edge(broker)
    (message,) = take(inbox, 1)
    assert message.retain
    one.ack(acks([message]))
    until(lambda: "Received PUBACK from edge" in broker.log.read_text(), "the acknowledgement")
    broker.restart()
    until(lambda: one.subscribed and counted(one, "mqtt_connects") == 2, "reconnected")
    assert counted(one, "mqtt_session_losses") == 0
    broker.publish("in/a", ["new"])
    assert texts(take(inbox, 1)) == ["new"]


def test_qos_0_messages_need_no_acknowledgement(mosquitto, edge, take):
    broker = mosquitto()
    one, inbox = edge(broker, qos=0)
    broker.publish("in/a", NUMBERS)
    messages = take(inbox, 100)
    assert {message.qos for message in messages} == {0}
    one.ack(acks(messages))
    assert one.stop(5)
    assert counted(one, "mqtt_stale_acks") == 0


def test_mqtt_3_with_a_broker_that_knows_no_limit_is_held_back_by_tcp(mosquitto, edge, until):
    broker = mosquitto("max_inflight_messages 0")
    one, inbox = edge(broker, max_undelivered_messages=50, protocol="3.1.1")
    numbers = [str(number) * 200 for number in range(2000)]
    broker.publish("in/a", numbers)
    until(lambda: inbox.depth == 50, "a full inbox")
    deepest, taken = 0, []
    while len(taken) < len(numbers):
        deepest = max(deepest, inbox.depth)
        batch = inbox.take(10, 0, 0.1)
        one.ack(acks(batch))
        taken += batch
    assert texts(taken) == numbers
    assert deepest == 50


class TestABrokerThatSendsTooMuch:
    """Mosquitto 2.0.11 keeps to Receive Maximum only until the first acknowledgement."""

    @pytest.fixture
    def overfed(self, mosquitto, edge, take, until):
        """An edge that has stopped reading with 10 messages; 1990 of 2000 are on their way."""
        broker = mosquitto("max_queued_messages 0")
        one, inbox = edge(broker, max_undelivered_messages=10, keepalive=4.0)
        broker.publish("in/a", [str(number) for number in range(2000)])
        one.ack(acks(take(inbox, 9)))
        until(lambda: one._session.overfed, "more than asked for")
        return one, inbox

    def test_publications_in_flight_do_not_make_us_read_more(self, overfed, until):
        one, inbox = overfed
        taken = []
        while len(taken) < 1991:
            for number in range(50):
                one.publish(number, "out/x", b"1")
            batch = inbox.take(10, 0, 1.0)
            assert len(batch) + inbox.depth <= 10
            one.ack(acks(batch))
            one.completed()
            taken += batch
        assert texts(taken) == [str(number) for number in range(9, 2000)]
        until(lambda: one.completed() or not one.unfinished, "all answers")

    def test_what_is_not_read_is_no_silence(self, overfed):
        one, inbox = overfed
        time.sleep(7)  # the broker disconnects a client that is silent for 6 s
        assert counted(one, "mqtt_disconnects") == 0
        messages = []
        while len(messages) < 1991:
            batch = inbox.take(10, 0, 1.0)
            one.ack(acks(batch))
            messages += batch
        assert counted(one, "mqtt_disconnects") == 0

    def test_answers_that_stand_behind_messages_are_read_and_the_messages_come_again(self, overfed, until):
        one, inbox = overfed
        for number in range(50):
            assert one.publish(number, "out/x", b"1")
        one.need_answers(needed=True)
        answers = []
        until(lambda: answers.extend(one.completed()) or len(answers) == 50, "all answers")
        assert all(delivery.ok for delivery in answers)
        assert inbox.depth == 10
        one.ack(acks(taken := inbox.take(10, 0, 0)))
        one.need_answers(needed=False)
        until(lambda: counted(one, "mqtt_connects") == 2, "a new connection")
        while not taken or taken[-1].payload != b"1999":
            batch = inbox.take(10, 0, 1.0)
            assert len(batch) + inbox.depth <= 10
            one.ack(acks(batch))
            taken += batch
        # The last acknowledgements may have been lost with the connection.
        assert list(dict.fromkeys(texts(taken))) == [str(number) for number in range(9, 2000)]

    def test_what_comes_again_is_not_kept_twice(self, mosquitto, edge, take, until):
        broker = mosquitto("persistence true", "autosave_on_changes true", "autosave_interval 1")
        one, inbox = edge(broker, max_undelivered_messages=10)
        broker.publish("in/a", NUMBERS)
        first = take(inbox, 2)
        until(lambda: inbox.depth == 7, "the rest of the window")
        for connects in (2, 3):
            broker.restart()
            until(lambda n=connects: counted(one, "mqtt_connects") == n, "reconnected")
            until(lambda: inbox.depth == 8, "no more than fits beside what was taken")
        one.ack(acks(first))
        taken = []
        while not taken or taken[-1].payload != b"99":
            batch = inbox.take(10, 0, 1.0)
            assert len(batch) + inbox.depth <= 10
            one.ack(acks(batch))
            taken += batch
        assert set(texts(taken)) == set(NUMBERS)


def test_a_giant_payload_is_skipped_and_counted(mosquitto, edge, take):
    broker = mosquitto()
    one, inbox = edge(broker, max_payload=1000)
    broker.publish("in/a", ["x" * 200_000])
    broker.publish("in/a", ["small"])
    giant, small = take(inbox, 2)
    assert (giant.payload, small.payload) == (b"", b"small")
    assert giant.skipped > 200_000
    assert counted(one, "mqtt_disconnects") == 0


def test_a_topic_that_is_not_utf_8_arrives_without_its_name():
    """Mosquitto refuses such a topic, others may not; this is what we make of it."""
    from paho.mqtt.client import MQTTMessage  # noqa: PLC0415 - only here

    from streamdetect.config import MqttConfig  # noqa: PLC0415
    from streamdetect.mqtt.edge import MqttEdge  # noqa: PLC0415

    clients: list[PacedClient] = []

    def factory(**arguments):
        clients.append(PacedClient(**arguments))
        return clients[-1]

    inbox = Inbox(10)
    edge = MqttEdge(MqttConfig(), ["#"], inbox, status_topic="test/status", client_factory=factory)
    clients[0]._handle_on_message(MQTTMessage(topic=b"in/\xff"))
    edge.raise_if_broken()
    assert inbox.take(1, 0, 0)[0].topic == ""


def test_filters_can_change_while_it_runs(mosquitto, edge, take, until):
    broker = mosquitto()
    one, inbox = edge(broker, "a/#", "b/#")
    one.set_filters(["b/#", *(f"c{number}/#" for number in range(20))])
    until(lambda: "c19/#" in broker.log.read_text() and one.subscribed, "subscribed")
    for topic in ("a/x", "b/x", "c0/x", "c19/x"):
        broker.publish(topic, ["1"])
    assert [message.topic for message in take(inbox, 3)] == ["b/x", "c0/x", "c19/x"]
