"""A publication counts as delivered only once the broker has taken it."""

from __future__ import annotations

import json
import subprocess
import threading

import pytest
from counting import counted

from streamdetect.config import EventsConfig
from streamdetect.mqtt.publications import Delivery, Publication, Publications
from streamdetect.sinks.mqtt import MqttSink
from streamdetect.sinks.outbox import Outbox
from streamdetect.store import Event

ACL = "topic readwrite in/#\ntopic write out/#\ntopic read out/#\ntopic readwrite test/#\n"


@pytest.fixture
def outcomes(until):
    """Publish and wait for what becomes of it, by token."""

    def publish(edge, *publications, **options) -> dict[str, Delivery]:
        for token, topic, payload in publications:
            assert edge.publish(token, topic, payload, **options)
        found: dict[str, Delivery] = {}

        def done():
            found.update({delivery.token: delivery for delivery in edge.completed()})
            return len(found) == len(publications)

        until(done, "all publications decided")
        return found

    return publish


@pytest.mark.parametrize("qos", [0, 1])
def test_a_publication_is_delivered(mosquitto, edge, outcomes, qos):
    broker = mosquitto()
    one, _ = edge(broker)
    (delivery,) = outcomes(one, ("a", "out/x", b"hello"), qos=qos, retain=True).values()
    assert delivery == Delivery("a", ok=True, reason="", retry=False)
    assert broker.retained("out/x") == "hello"
    assert one.unfinished == 0


def test_what_the_acl_denies_is_not_delivered(mosquitto, edge, outcomes, tmp_path):
    (tmp_path / "acl").write_text(ACL)
    broker = mosquitto(f"acl_file {tmp_path}/acl")
    one, _ = edge(broker)
    found = outcomes(one, ("denied", "secret/x", b"1"), ("allowed", "out/x", b"1"))
    assert found["denied"] == Delivery("denied", ok=False, reason="Not authorized", retry=False)
    assert found["allowed"].ok
    assert counted(one, "mqtt_publications_failed") == 1


@pytest.mark.parametrize(
    "topic",
    ["", "a/+", "#", "a\x00b", "a\nb", "a\x7f", "a\x85", "a\ufffe", "a\ud800", "$SYS/x", "a" * 65_536],
    ids=ascii,
)
def test_a_topic_for_which_the_broker_would_hang_up_is_never_sent(mosquitto, edge, outcomes, topic):
    one, _ = edge(mosquitto())
    found = outcomes(one, ("bad", topic, b"1"), ("good", "out/x", b"1"))
    assert not found["bad"].ok
    assert not found["bad"].retry
    assert found["good"].ok
    assert counted(one, "mqtt_disconnects") == 0


def test_a_packet_over_the_brokers_limit_is_never_sent(mosquitto, edge, outcomes):
    one, _ = edge(mosquitto("max_packet_size 1000"))
    found = outcomes(one, ("big", "out/x", b"x" * 1000), ("small", "out/x", b"x"))
    assert found["big"] == Delivery("big", ok=False, reason="packet is too large for the broker", retry=True)
    assert found["small"].ok
    assert counted(one, "mqtt_disconnects") == 0


def test_a_limit_that_is_too_low_is_waited_out_for_an_hour():
    now = [0.0]
    publications = Publications(10, lambda: now[0])
    publications.connected(receive_maximum=10, largest_packet=100, highest_qos=1, retains=True)
    outcomes = []
    for now[0] in (0.0, 3599.0, 3601.0):
        publications.submit(Publication("big", "out/x", b"x" * 200, 1, retain=False))
        publications.send(None)
        outcomes += publications.completed()
    assert [outcome.retry for outcome in outcomes] == [True, True, False]


def test_what_we_publish_does_not_come_back(mosquitto, edge, outcomes, take):
    broker = mosquitto()
    one, inbox = edge(broker, "in/#", "out/#")
    assert outcomes(one, ("a", "out/x", b"echo"))["a"].ok
    broker.publish("in/a", ["1"])
    assert [message.topic for message in take(inbox, 1)] == ["in/a"]


def test_nothing_is_taken_without_a_connection_or_past_the_limit(mosquitto, edge):
    broker = mosquitto()
    one, _ = edge(broker)
    broker.freeze()
    assert all(one.publish(number, "out/x", b"1") for number in range(1000))
    assert not one.publish("one too many", "out/x", b"1")
    broker.thaw()
    broker.kill()


def test_what_was_underway_when_the_connection_broke_can_be_sent_again(mosquitto, edge, outcomes, until):
    broker = mosquitto()
    one, _ = edge(broker)
    broker.freeze()
    assert one.publish("a", "out/x", b"1")
    assert one.publish("b", "out/x", b"2")
    until(lambda: len(one._publications._in_flight) == 2, "both sent")
    broker.kill()
    lost = until(lambda: [*one.completed(), *one.completed()] or None, "reported")
    assert lost == [Delivery(token, ok=False, reason="connection lost", retry=True) for token in "ab"]
    assert not one.publish("c", "out/x", b"3")
    broker.start()
    until(lambda: one.connected, "reconnected")
    assert outcomes(one, ("c", "out/x", b"3"))["c"].ok
    assert "Received PUBLISH from edge (d1" not in broker.log.read_text(), "paho sent it again on its own"


def test_the_brokers_receive_maximum_is_kept(mosquitto, edge, until):
    broker = mosquitto("max_inflight_messages 5")
    one, _ = edge(broker)
    broker.freeze()
    for number in range(50):
        assert one.publish(number, "out/x", b"1")
    # Mosquitto 2.0.11 does not mind being sent more, others hang up.
    until(lambda: len(one._publications._in_flight) == 4, "the window is full, but for the status message")
    broker.thaw()
    delivered = []
    until(lambda: delivered.extend(one.completed()) or len(delivered) == 50, "all delivered")
    assert all(delivery.ok for delivery in delivered)
    assert counted(one, "mqtt_disconnects") == 0


def test_hooks_run_after_every_connect(mosquitto, edge, until):
    broker = mosquitto()
    one, _ = edge(broker)
    calls = []
    one.on_connected.append(lambda: calls.append(one.connected))
    one.completed()
    one.completed()
    assert calls == [True]
    broker.restart()
    until(lambda: counted(one, "mqtt_connects") == 2, "reconnected")
    until(lambda: one.completed() or len(calls) == 2, "the hook")


def outbox_of(edge) -> Outbox:
    """An outbox to the broker, in which a sensor's id is the topic."""
    return Outbox([MqttSink(edge, EventsConfig.model_construct(topic="{sensor}"))], limit=1000)


def test_events_are_on_their_way_before_the_main_thread_goes_on(mosquitto, edge, monkeypatch):
    monkeypatch.setattr("streamdetect.mqtt.edge._GIVE_WAY", 60.0)  # however slow the machine
    one, _ = edge(mosquitto())
    outbox = outbox_of(one)
    outbox.add(outbox.queued([told(f"id{number}", "out/x") for number in range(10)]))
    outbox.drain()
    publications = one._publications
    assert not publications._submitted
    assert len(publications._in_flight) + len(publications._finished) == 10


def test_nobody_is_waited_for_who_does_not_take_what_waits(mosquitto, edge, monkeypatch):
    one, _ = edge(mosquitto())
    never = threading.Event()
    monkeypatch.setattr(never, "set", lambda: None)
    monkeypatch.setattr(one._connection, "handed_over", never)
    assert one.publish("a", "out/x", b"1")
    one.give_way()  # comes back, or the test runs out of time
    assert not never.is_set()


def told(identity, sensor, number=1):
    return Event(identity, "lab", sensor, json.dumps({"type": "test", "number": number}).encode())


@pytest.mark.parametrize("restarts", [(), (100, 200)], ids=["no restart", "two restarts"])
def test_the_outbox_delivers_everything(mosquitto, edge, until, tmp_path, restarts):
    broker = mosquitto("persistence true", "autosave_on_changes true", "autosave_interval 1")
    one, _ = edge(broker)
    outbox = outbox_of(one)
    events = [told(f"id{number}", "out/x", number) for number in range(300)]
    seen = tmp_path / "seen"
    # A persistent session, so that the witness misses nothing while the broker is away.
    command = ["mosquitto_sub", "-p", str(broker.port), "-t", "out/#", "-q", "1", "-i", "witness", "-c"]
    with seen.open("w") as file, subprocess.Popen(command, stdout=file) as witness:
        until(lambda: "Sending SUBACK to witness" in broker.log.read_text(), "the witness")
        for number, event in enumerate(events):
            outbox.add(outbox.queued([event]))
            outbox.drain()
            if number in restarts:
                broker.restart()
        until(lambda: outbox.drain() or not len(outbox), "all delivered")
        until(
            lambda: events[-1].payload.decode() in seen.read_text().splitlines(),
            "the witness has the last one",
        )
        witness.terminate()
    assert outbox.dead == []
    received = [json.loads(line)["number"] for line in seen.read_text().splitlines()]
    assert set(received) == set(range(300))
    # Across a restart the order is Mosquitto's: what was underway to the witness may come behind the rest.
    if not restarts:
        assert received == sorted(received)


def test_the_outbox_gives_up_what_is_refused_for_good(mosquitto, edge, until, tmp_path):
    (tmp_path / "acl").write_text(ACL)
    one, _ = edge(mosquitto(f"acl_file {tmp_path}/acl"))
    outbox = outbox_of(one)
    outbox.add(outbox.queued([told("denied", "secret/x"), told("fine", "out/x")]))
    until(lambda: outbox.drain() or not len(outbox), "both settled")
    assert [letter.queued.event.id for letter in outbox.dead] == ["denied"]
    assert counted(one, "mqtt_publications_delivered") == 1
