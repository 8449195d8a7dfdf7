"""Messages of the field through a real broker, up to the readings of a detector."""

from __future__ import annotations

from itertools import count
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
from streamdetect.service.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARK = "field-test/published"
"""The topic of what `publish` sends last: when it is here, so is everything that was published before it."""
_marks = count(1)
TABLE: list[tuple[str, str, str, str]] = []  # row, what was published, expected, got


class Daemon:
    """A daemon up to the detectors: connection, inbox, codecs, ids."""

    def __init__(self, text: str, broker: Any, until: Any, *, forget: bool = False) -> None:
        self.config = parse(text)
        mqtt_config = self.config.mqtt.model_copy(update={"host": broker.host, "port": broker.port})
        filters = uncovered([MARK, *(topic for one in self.config.detectors for topic in one.topics)])
        status = self.config.status_topic if self.config.events.status else None
        self.inbox = Inbox(10_000)
        self.edge = MqttEdge(mqtt_config, filters, self.inbox, status_topic=status, forget=forget)
        features = tuple(self.config.detectors[0].payload.values or ("value",))
        self.gathering = Gathering(
            [
                Listener(one, codec(one.payload_settings(mqtt_config.max_payload)), features)
                for one in self.config.detectors
            ],
            [{} for _ in self.config.detectors],
        )
        self._until = until
        self._mark = 0  # the last one that has come
        self.readings: list[tuple[Any, ...]] = []
        self.outcomes: dict[str, int] = {}
        self.rejected: dict[str, int] = {}
        self.edge.start()
        until(lambda: self.edge.subscribed, "subscribed")

    def hear(self) -> None:
        """Take in the next message by itself."""
        self._until(lambda: self._take(self.inbox.take(1, 0, 0.05)), "a message")

    def settle(self, mark: int) -> None:
        """Take in what comes, until everything is here that was published up to this mark."""

        def settled() -> bool:
            self._take(self.inbox.take(1000, 0, 0.05))
            return self._mark >= mark and not (self.inbox.large or self.gathering.halfway)

        self._until(settled, "everything that was published")

    def _take(self, arrived: Sequence[Any]) -> int:
        """Take messages in; returns how many there were, without marks."""
        messages = [message for message in arrived if message.topic != MARK]
        marks = [message for message in arrived if message.topic == MARK]
        self._mark = max([self._mark, *(int(message.payload) for message in marks)])
        self.edge.ack([(message.generation, message.mid) for message in marks if message.qos])
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
        for reason, number in batch.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + number
        batch.outcomes["accepted"] = len(messages) - batch.outcomes.total()
        for outcome, number in (+batch.outcomes).items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number
        return len(messages)


@pytest.fixture(scope="session")
def brokers() -> Iterator[dict[tuple[str, ...], Any]]:
    """Running brokers, by their options."""
    started: dict[tuple[str, ...], Any] = {}
    yield started
    for broker in started.values():
        broker.kill()


@pytest.fixture
def broker(brokers: dict[tuple[str, ...], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a broker with these options, started once for all tests."""
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
    """Publish at QoS 1: `publish(broker, [(topic, payload), …])`; returns the mark that follows them."""
    clients: list[mqtt.Client] = []

    def send(broker: Any, messages: Sequence[tuple[str, bytes | str]], qos: int = 1) -> int:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        clients.append(client)
        client.connect(broker.host, broker.port)
        client.loop_start()
        mark = next(_marks)
        for topic, payload in [*messages, (MARK, str(mark))]:
            client.publish(topic, payload, qos).wait_for_publish(120)
        return mark

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
