"""What the field sends, through a real broker, up to what a detector takes in."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from streamdetect.codecs import codec
from streamdetect.codecs.filters import uncovered
from streamdetect.config import parse
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox
from streamdetect.service.gathering import Gathering

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SETTLED = 0.3  # s without a message after which nothing more comes
TABLE: list[tuple[str, str, str, str]] = []  # row, what was published, expected, got


class Daemon:
    """A daemon up to the detectors: connection, inbox, codecs, ids."""

    def __init__(self, text: str, broker: Any, until: Any, *, forget: bool = False) -> None:
        self.config = parse(text)
        mqtt_config = self.config.mqtt.model_copy(update={"host": broker.host, "port": broker.port})
        filters = uncovered([topic for one in self.config.detectors for topic in one.topics])
        status = self.config.status_topic if self.config.events.status else None
        self.inbox = Inbox(10_000)
        self.edge = MqttEdge(mqtt_config, filters, self.inbox, status_topic=status, forget=forget)
        features = tuple(self.config.detectors[0].payload.values or ("value",))
        self.gathering = Gathering(
            [
                SimpleNamespace(
                    name=one.name,
                    config=one,
                    codec=codec(one.payload_settings(mqtt_config.max_payload)),
                    features=features,
                )
                for one in self.config.detectors
            ],
            [{} for _ in self.config.detectors],
        )
        self.readings: list[tuple[Any, ...]] = []
        self.outcomes: dict[str, int] = {}
        self.rejected: dict[str, int] = {}
        self.edge.start()
        until(lambda: self.edge.subscribed, "subscribed")

    def hear(self) -> None:
        """Take in the next message by itself."""
        self._take(self.inbox.take(1, 0, 10))

    def settle(self) -> None:
        """Take in what comes, until nothing more does."""
        last = time.monotonic()
        while time.monotonic() - last < SETTLED:
            messages = self.inbox.take(1000, 0, 0.05)
            if messages or self.inbox.large:
                self._take(messages)
                last = time.monotonic()

    def _take(self, messages: Sequence[Any]) -> None:
        batch = self.gathering.gather(messages, self.inbox.take_large)
        for message in batch.finished:
            self.inbox.finished(message)
        messages = [*messages, *batch.finished]
        self.edge.ack([(message.generation, message.mid) for message in messages if message.qos])
        for one, gathered in zip(self.config.detectors, batch.gathered, strict=True):
            if not gathered.sensors:
                continue
            readings = gathered.readings()
            for sensor, moment, values in zip(
                readings.sensors, readings.times.tolist(), readings.values.tolist(), strict=True
            ):
                known = values[0] if len(values) == 1 else tuple(values)
                stamp = () if one.payload.stamped_on_arrival else (moment,)
                self.readings.append((sensor, known, *stamp))
        for reason, count in batch.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + count
        batch.outcomes["accepted"] = len(messages) - batch.outcomes.total()
        for outcome, count in (+batch.outcomes).items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count


@pytest.fixture(scope="session")
def brokers() -> Iterator[dict[tuple[str, ...], Any]]:
    """Running brokers, by their options."""
    started: dict[tuple[str, ...], Any] = {}
    yield started
    for broker in started.values():
        broker.kill()


@pytest.fixture
def broker(brokers: dict[tuple[str, ...], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a broker with these options, started once for all tests."""
    import shutil  # noqa: PLC0415

    import real_broker  # noqa: PLC0415

    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")

    def get(*options: str) -> Any:
        if options not in brokers:
            brokers[options] = real_broker.Mosquitto(tmp_path_factory.mktemp("mosquitto"), options, ())
            brokers[options].start()
        return brokers[options]

    return get


@pytest.fixture
def daemon(until: Any) -> Iterator[Any]:
    """Start daemons: `daemon(broker, text)`."""
    made: list[Daemon] = []

    def make(broker: Any, text: str, **more: Any) -> Daemon:
        made.append(Daemon(text, broker, until, **more))
        return made[-1]

    yield make
    for one in made:
        assert one.edge.stop(5)


@pytest.fixture
def publish() -> Iterator[Any]:
    """Publish at QoS 1: `publish(broker, [(topic, payload), …])`."""
    clients: list[mqtt.Client] = []

    def send(broker: Any, messages: Sequence[tuple[str, bytes | str]], qos: int = 1) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        clients.append(client)
        client.connect(broker.host, broker.port)
        client.loop_start()
        for topic, payload in messages:
            client.publish(topic, payload, qos).wait_for_publish(10)

    yield send
    for client in clients:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def table() -> Any:
    """Put a row into the table that is printed in the end."""

    def put(row: Any, protocol: str, *, expected: Any, found: Any) -> None:
        published = "; ".join(f"{topic} {payload!r:.200}" for topic, payload in row.published)
        TABLE.append((f"{row.name} ({protocol})", published, str(expected), str(found)))

    return put


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of all rows that ran."""
    if not TABLE:
        return
    terminalreporter.section("what the field sends")
    for row, published, expected, got in TABLE:
        verdict = "as expected" if expected == got else f"GOT {got}"
        terminalreporter.write_line(f"{row:<52} {published:.60} -> {expected:.90} [{verdict}]")
    right = sum(expected == got for *_, expected, got in TABLE)
    terminalreporter.write_line(f"field: {right} of {len(TABLE)} rows as expected")
