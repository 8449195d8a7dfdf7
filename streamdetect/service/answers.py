"""People's answers: mute, unmute, false and true, sent to the command topic.

An answer takes effect with the commit that makes it durable. An event on `<prefix>/answers` and in the
history reports the outcome.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict, deque
from fnmatch import fnmatchcase
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streamdetect.config.commands import MuteCommand, SensitivityCommand, UnmuteCommand, command
from streamdetect.errors import ConfigError, StateError
from streamdetect.logs import Sparingly
from streamdetect.mqtt.inbox import Message
from streamdetect.page.sources import Hush
from streamdetect.service.pipeline import Changed
from streamdetect.sinks.events import ANSWERED, DRIFTED, cloud_event
from streamdetect.store import Mute
from streamdetect.store.history import HISTORY, Wanted, find, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from streamdetect.config import Config, MaintenanceConfig
    from streamdetect.config.commands import Command, JudgeCommand
    from streamdetect.service.pipeline import Pipeline
    from streamdetect.store import Event

log = logging.getLogger(__name__)

MAINTENANCE = "maintenance"
"""The reason for a mute during maintenance, which no person asked for."""
_MOST_ASKED = 100  # commands at a time
_LONGEST_REQUEST = 256  # characters, as in a command
_RECENT = 1000  # incidents whose sensor is known without the history


class Known(NamedTuple):
    """The sensor of an incident, and whether the incident is open."""

    detector: str
    sensor: str
    open: bool


class Answers:
    """Carries out commands, and marks the events of muted sensors.

    Attributes:
        mutes: that hold, or have held until a moment ago.
        kinds: of the transitions that commands caused, by detector; the counting code empties it.
        asked: commands that did not come from the broker, and wait to be carried out.
    """

    def __init__(
        self,
        config: Config,
        pipeline: Callable[[], Pipeline],
        mutes: Iterable[Mute],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with the mutes of an earlier run.

        Args:
            config: the command topic, maintenance, and where the history is.
            pipeline: gives the detectors at work.
            mutes: of an earlier run.
            clock: Unix time in seconds.
        """
        self.mutes = {mute.sensor: mute for mute in mutes}
        self.kinds: dict[str, list[str]] = {}
        self.asked: deque[bytes] = deque()
        self._pipeline = pipeline
        self._changed = Changed([], [], {})  # by the commands that are being carried out
        self._own_topic = config.events.command_topic
        self._topic = self._own_topic if config.answers.enabled else None
        self._source = config.event_source
        self._maintenance: Sequence[MaintenanceConfig] = config.maintenance
        self._history: Path | None = config.state.path and config.state.path / HISTORY
        self._clock = clock
        self._recent: OrderedDict[str, Known] = OrderedDict()  # by incident
        self._said: OrderedDict[str, str] = OrderedDict()  # by incident, in this life
        self._sparingly = Sparingly()

    def part(self, messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
        """Separate commands from readings.

        Returns:
            The commands, without those that the broker repeats, and the readings.
        """
        if self._topic is None:
            return [], list(messages)
        commands = [one for one in messages if one.topic == self._topic and not one.retain]
        return commands, [one for one in messages if one.topic != self._topic]

    def ask(self, payload: bytes) -> bool:
        """Queue a command for the next turn of the loop; False if too many wait. For any thread.

        The event of its answer reports the outcome, once it has taken effect.
        """
        if len(self.asked) >= _MOST_ASKED:
            return False
        self.asked.append(payload)
        return True

    def take_asked(self) -> list[Message]:
        """Take the commands that were asked for since the last call."""
        payloads = [self.asked.popleft() for _ in range(len(self.asked))]
        now = self._clock()
        return [Message(self._own_topic, payload, 0, 0, -1, now, retain=False) for payload in payloads]

    def carry_out(self, commands: Iterable[Message]) -> Changed:
        """Carry out commands; a message that is not a command is logged.

        Returns:
            The changes, with the event that reports the outcome of each command.
        """
        self._changed = Changed([], [], {})
        answered = [event for message in commands if (event := self._carry_out(message))]
        entries, events, kinds = self._changed
        for detector, some in kinds.items():
            self.kinds.setdefault(detector, []).extend(some)
        return Changed(entries, [*answered, *self.mark(events)], kinds)

    def mark(self, events: Sequence[Event]) -> list[Event]:
        """Return the events; those of muted sensors have `muted` in their data."""
        for event in events:
            self._remember(event)
        if not self.mutes and not self._maintenance:
            return list(events)
        now = self._clock()
        return [self._marked(event, now) for event in events]

    def muted(self, detector: str, sensor: str) -> bool:
        """Tell whether a sensor is muted now."""
        return bool(self._why_muted(detector, sensor, self._clock()))

    def hushes(self) -> list[Hush]:
        """All mutes in force now; safe from another thread."""
        now = self._clock()
        mutes = [_hush(mute) for mute in list(self.mutes.values()) if now < mute.until]
        periods = [period for period in self._maintenance if period.holds(now)]
        return [*mutes, *(Hush(period.covers, None, MAINTENANCE, None) for period in periods)]

    def muting(self) -> Callable[[str, str], bool] | None:
        """Return a function that tells whether a sensor is muted; None if none is. For any thread."""
        hushes = self.hushes()
        return (
            (lambda detector, sensor: any(one.covers(detector, sensor) for one in hushes)) if hushes else None
        )

    def expire(self) -> bool:
        """Drop mutes that are over; returns whether there were any."""
        now = self._clock()
        over = [sensor for sensor, mute in self.mutes.items() if mute.until <= now]
        for sensor in over:
            del self.mutes[sensor]
            log.info("%s is no longer muted", sensor)
        return bool(over)

    def _carry_out(self, message: Message) -> Event | None:
        try:
            given = command(message.payload)
        except ConfigError as error:
            return self._refuse(message.payload, str(error))
        result = self._effect(given)
        said = result.get("error") or ", ".join(f"{name} {value}" for name, value in result.items())
        log.info("%s by %s: %s", given.do, given.by or "somebody", said)
        data = {"do": given.do, "by": given.by, "request": given.request, "error": ""} | result
        return _event(self._source, data, self._clock(), message.payload)

    def _refuse(self, payload: bytes, error: str) -> Event | None:
        """Report why a message is no command; of several in a row, only to senders who wait for an answer."""
        allowed, held_back = self._sparingly.allows("refused")
        if allowed:
            more = f" ({held_back} more were not logged)" if held_back else ""
            log.warning("refused a command: %s%s", error, more)
        request = _request(payload)
        if not allowed and not request:
            return None
        data = {"do": "refused", "by": "", "request": request, "error": error}
        return _event(self._source, data, self._clock(), payload)

    def _effect(self, command: Command) -> dict[str, Any]:
        if isinstance(command, MuteCommand):
            return self._mute(command)
        if isinstance(command, UnmuteCommand):
            known = self.mutes.pop(command.sensor, None)
            return {"sensor": command.sensor} | ({} if known else {"error": f"{command.sensor} is not muted"})
        if isinstance(command, SensitivityCommand):
            return self._set_sensitivity(command)
        return self._judge(command)

    def _mute(self, command: MuteCommand) -> dict[str, Any]:
        now = self._clock()
        until = inf if command.lasts is None else now + command.lasts
        self.mutes[command.sensor] = Mute(command.sensor, until, command.by, now)
        matching = sum(fnmatchcase(one, command.sensor) for one in self._sensors())
        return {
            "sensor": command.sensor,
            "until": None if command.lasts is None else until,
            "sensors": matching,
        }

    def _sensors(self) -> Iterator[str]:
        """The sensors that are known now, of all detectors."""
        for assembly in self._pipeline().assemblies:
            yield from filter(None, assembly.detector.sensors.ids)

    def _judge(self, command: JudgeCommand) -> dict[str, Any]:
        known = self._recent.get(command.incident) or self._look_up(command.incident)
        if known is None:
            return {"incident": command.incident, "error": f"there is no incident {command.incident}"}
        result = {"incident": command.incident, "detector": known.detector, "sensor": known.sensor}
        if command.do == self._said_of(command.incident):
            return result | {"again": True}  # its readings count as normal once
        if command.do == "false" and (known.open or self._is_latest(command.incident, known)):
            self._tell(None, lambda detector, sensor: (detector, sensor) == known[:2])
        self._said[command.incident] = command.do
        while len(self._said) > _RECENT:
            self._said.popitem(last=False)
        return result

    def _said_of(self, incident: str) -> str:
        """Return the last answer about an incident; empty if there is none."""
        if incident in self._said:
            return self._said[incident]
        found = find(self._history, incident) if self._history else None
        return found.label if found else ""

    def _set_sensitivity(self, command: SensitivityCommand) -> dict[str, Any]:
        told = self._tell(command.value, lambda _, sensor: fnmatchcase(sensor, command.sensor))
        result = {"sensor": command.sensor, "value": command.value, "sensors": told}
        return result | ({} if told else {"error": f"there is no sensor {command.sensor}"})

    def _tell(self, sensitivity: float | None, about: Callable[[str, str], bool]) -> int:
        """Pass an answer on to the detectors; returns the number of sensors it concerns."""
        changed = self._pipeline().tell(sensitivity, about)
        self._changed.entries.extend(changed.entries)
        self._changed.events.extend(changed.events)
        for detector, kinds in changed.kinds.items():
            self._changed.kinds.setdefault(detector, []).extend(kinds)
        return len(changed.entries)

    def _look_up(self, incident: str) -> Known | None:
        found = find(self._history, incident) if self._history else None
        return Known(found.detector, found.sensor, found.open) if found else None

    def _is_latest(self, incident: str, known: Known) -> bool:
        """Tell whether it is the sensor's last incident: the detector remembers the readings of that one."""
        for other, one in reversed(self._recent.items()):
            if one[:2] == known[:2]:
                return other == incident
        if self._history is None:
            return False
        try:
            wanted = Wanted(detector=known.detector, sensor=known.sensor)
            _, found = select(self._history, wanted, limit=1)
        except StateError:
            return False
        return [one.id for one in found] == [incident]

    def _remember(self, event: Event) -> None:
        data = event.facts["data"]
        if event.facts["type"] == DRIFTED:
            return  # about no incident
        self._recent[data["incident"]] = Known(event.detector, event.sensor, data["ended"] is None)
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _marked(self, event: Event, now: float) -> Event:
        why = self._why_muted(event.detector, event.sensor, now)
        return _with_reason(event, why) if why else event

    def _why_muted(self, detector: str, sensor: str, now: float) -> str:
        for mute in list(self.mutes.values()):
            if now < mute.until and fnmatchcase(sensor, mute.sensor):
                return _muted_by(mute)
        for period in self._maintenance:
            if period.covers(detector, sensor) and period.holds(now):
                return MAINTENANCE
        return ""


def _hush(mute: Mute) -> Hush:
    until = None if mute.until == inf else mute.until
    return Hush(lambda _, sensor: fnmatchcase(sensor, mute.sensor), until, _muted_by(mute), mute.sensor)


def _muted_by(mute: Mute) -> str:
    return f"muted by {mute.by or 'somebody'}"


def _with_reason(event: Event, why: str) -> Event:
    facts = event.facts
    facts["data"]["muted"] = why
    return event._replace(payload=orjson.dumps(facts))


def _request(payload: bytes) -> str:
    """Return the id of a request that is not a command, for its answer."""
    try:
        request = orjson.loads(payload)["request"]
    except (LookupError, TypeError, orjson.JSONDecodeError):
        return ""
    return request[:_LONGEST_REQUEST] if isinstance(request, str) else ""


def _event(source: str, data: dict[str, Any], now: float, payload: bytes) -> Event:
    """Make the event of a command; the same command at the same time is the same event."""
    identity = hashlib.sha256(b"%r %s" % (now, payload)).hexdigest()[:32]
    return cloud_event(identity, source, ANSWERED, data.get("sensor") or "none", now, data)
