"""Sensors as devices of Home Assistant, which finds them by MQTT discovery; openHAB reads the same.

What is published is retained and follows from what is known of the sensors now: nothing of it has to be
delivered in order, or once, so it does not go through the outbox. A new connection publishes all of it again.
"""

from __future__ import annotations

import logging
import random
import time
from fnmatch import fnmatchcase
from math import inf, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streamdetect.errors import StateError
from streamdetect.service.discovery import Topics, device, entity_topics
from streamdetect.sinks.events import ANSWERED, DRIFTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streamdetect.config import Config
    from streamdetect.core.verdicts import SensorColumns
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Message
    from streamdetect.store import Event, Store

log = logging.getLogger(__name__)

NAME = "homeassistant"
LOOK_EVERY = 1.0  # s
AT_ONCE = 200  # publications handed over at a look: events need places, too
LEAST_PAUSE = 0.1  # s between two looks, also when something has happened
MOST_TIME = 0.05  # share of the main thread's time that looks may take, however many sensors there are
GREETED_WITHIN = 5.0  # s after Home Assistant was started: not all daemons at the same moment


class Sensor(NamedTuple):
    """One sensor of one detector."""

    detector: str
    id: str


class HomeAssistant:
    """Publishes a device for each sensor, and its state when it changes."""

    def __init__(
        self,
        config: Config,
        edge: MqttEdge,
        store: Store,
        columns: Callable[[], Mapping[str, SensorColumns]],
        muted: Callable[[str, str], bool],
        sensitivity: Callable[[str, str], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Note what an earlier run has published; nothing is sent before there is a connection.

        Args:
            config: which sensors, and under which topics.
            edge: publishes.
            store: remembers what was published, so that it can be taken back.
            columns: what is known of the sensors, by detector.
            muted: whether a sensor of a detector is muted.
            sensitivity: what its scores are multiplied by.
            clock: monotonic seconds.
        """
        self._config, self._settings = config, config.homeassistant
        self._edge, self._store, self._columns, self._muted, self._clock = edge, store, columns, muted, clock
        self._sensitivity = sensitivity
        self._random = random.SystemRandom()
        self._latest: dict[Sensor, dict[str, Any]] = {}  # data of the last event
        self._published: dict[str, bytes] = {}  # by topic, on this connection
        self._at: dict[Sensor, float] = {}  # when the state was last published
        self._noted = self._read()
        self._taken_back: set[str] = set()  # of those, on this connection
        self._next_look = self._not_before = 0.0
        self._hurry = False
        self._announced = False
        edge.on_connected.append(self.publish_anew)

    def part(self, messages: Sequence[Message]) -> list[Message]:
        """Take out what Home Assistant says of itself; return the other messages."""
        if not self._settings.enabled:
            return list(messages)
        for message in messages:
            if (
                message.topic == self._settings.birth_topic
                and message.payload == b"online"
                and not message.retain
            ):
                self._published.clear()
                self._next_look = self._clock() + self._random.uniform(0.0, GREETED_WITHIN)
        return [message for message in messages if message.topic != self._settings.birth_topic]

    def publish_anew(self) -> None:
        """Publish everything again: the broker may have lost it."""
        self._published.clear()
        self._taken_back.clear()
        self._hurry = True

    def observe(self, events: Iterable[Event]) -> None:
        """Remember the last event of each sensor, and look soon."""
        for event in events:
            facts = event.facts
            if facts["type"] in {ANSWERED, DRIFTED}:
                continue
            self._latest[Sensor(event.detector, event.sensor)] = facts["data"]
            self._at.pop(Sensor(event.detector, event.sensor), None)
            self._hurry = True

    def turn(self) -> None:
        """Publish what is new; a turn with nothing to do takes no time."""
        now = self._clock()
        if now < (self._not_before if self._hurry else self._next_look) or not self._edge.connected:
            return
        self._hurry = False
        self._look(now)
        took = self._clock() - now
        self._not_before = now + max(LEAST_PAUSE, took / MOST_TIME)
        self._next_look = max(self._next_look, now + LOOK_EVERY, self._not_before)

    def _look(self, now: float) -> None:
        wanted = self._wanted(now) if self._settings.enabled else {}
        self._forget()
        self._note(set(wanted))
        gone = self._noted - wanted.keys() - self._taken_back
        changes = [(topic, wanted[topic]) for topic in wanted if self._published.get(topic) != wanted[topic]]
        for topic, payload in [*((topic, b"") for topic in gone), *changes][:AT_ONCE]:
            if not self._edge.publish((NAME, topic), topic, payload, qos=1, retain=True):
                return
            if payload:
                self._published[topic] = payload
            else:
                self._taken_back.add(topic)
                self._published.pop(topic, None)

    def _wanted(self, now: float) -> dict[str, bytes]:
        """Return everything that the broker should retain, by topic."""
        found: dict[str, bytes] = {}
        sensors = 0
        for detector, columns in self._columns().items():
            for at, sensor in enumerate(columns.ids):
                if not any(fnmatchcase(sensor, glob) for glob in self._settings.sensors):
                    continue
                sensors += 1
                if sensors <= self._settings.max_sensors:
                    found |= self._of(Sensor(detector, sensor), columns, at, now)
        if sensors > self._settings.max_sensors and not self._announced:
            self._announced = True
            log.warning(
                "%d sensors are not shown to Home Assistant: homeassistant.max_sensors is %d",
                sensors - self._settings.max_sensors,
                self._settings.max_sensors,
            )
        return found

    def _of(self, sensor: Sensor, columns: SensorColumns, at: int, now: float) -> dict[str, bytes]:
        topics = entity_topics(self._config, sensor.detector, sensor.id)
        state = self._state(sensor, topics, columns, at, now)
        return {topics.config: self._device(sensor, topics), topics.state: state}

    def _device(self, sensor: Sensor, topics: Topics) -> bytes:
        known = self._published.get(topics.config)
        return known or orjson.dumps(device(self._config, sensor.detector, sensor.id, topics))

    def _state(self, sensor: Sensor, topics: Topics, columns: SensorColumns, at: int, now: float) -> bytes:
        """Return the state; a new score alone is published only now and then."""
        switches = {
            "problem": _switch(bool(columns.incident_open[at])),
            "muted": _switch(self._muted(sensor.detector, sensor.id)),
            "sensitivity": self._sensitivity(sensor.detector, sensor.id),
        }
        before = self._published.get(topics.state)
        if before and now - self._at.get(sensor, -inf) < self._settings.state_every:
            said = orjson.loads(before)
            if switches.items() <= said.items():
                return before
        self._at[sensor] = now
        attributes = self._attributes(sensor, open_now=bool(columns.incident_open[at]))
        return orjson.dumps(switches | {"score": _score(columns, at), "attributes": attributes})

    def _attributes(self, sensor: Sensor, *, open_now: bool) -> dict[str, Any]:
        data = self._latest.get(sensor, {})
        shown = {name: data[name] for name in _SHOWN if name in data}
        return shown | {"sensor": sensor.id, "detector": sensor.detector, "open": open_now}

    def _read(self) -> set[str]:
        try:
            return self._store.retained()
        except StateError:
            return set()  # the next commit says what is wrong

    def _note(self, topics: set[str]) -> None:
        """Note topics before anything is published there."""
        self._taken_back -= topics
        if not topics <= self._noted:
            self._save(self._noted | topics)

    def _forget(self) -> None:
        """Cross out topics that were taken back, once the broker has answered."""
        if self._taken_back and not self._edge.unfinished:
            self._save(self._noted - self._taken_back)
            self._taken_back.clear()

    def _save(self, topics: set[str]) -> None:
        self._noted = topics
        try:
            self._store.note_retained(topics)
        except StateError as error:
            log.warning("cannot note what was published for Home Assistant: %s", error)


_SHOWN = (
    "message",
    "kind",
    "direction",
    "severity",
    "value",
    "unit",
    "expected",
    "lower",
    "upper",
    "worst",
    "started",
    "incident",
    "labels",
)


def _switch(on: bool) -> str:  # noqa: FBT001 - a value, not an option
    return "ON" if on else "OFF"


def _score(columns: SensorColumns, at: int) -> float | None:
    score = float(columns.score[at])
    return None if isnan(score) else round(score, 3)
