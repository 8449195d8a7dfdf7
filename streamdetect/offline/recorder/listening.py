"""Turn the broker's messages into rows, by the daemon's own topics, paths, ids and times."""

from __future__ import annotations

import logging
import time
from math import inf
from typing import TYPE_CHECKING

from streamdetect.bundles.bundle import Bundle
from streamdetect.codecs import codec
from streamdetect.codecs.filters import uncovered
from streamdetect.errors import BundleError, ConfigError, Problem, StreamdetectError
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox
from streamdetect.offline.recorder.files import Bounds, Files
from streamdetect.service.arrival import ArrivalClock
from streamdetect.service.gathering import Gathering
from streamdetect.service.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from streamdetect.config import Config, DetectorConfig
    from streamdetect.service.gathered import Batch, Gathered

log = logging.getLogger(__name__)

_SERIES = ("wait", "equal_times", "difference", "resample")  # options of a detector
_IDLE = 0.2  # s that the loop waits for a message
_GOODBYE = 5.0  # s
_SAY_EVERY = 60.0  # s


class Recorder:
    """Listens beside the daemon and writes the detectors' readings, until it is told to stop.

    The broker keeps a session for it under a client id of its own, `<client_id>-record`, and a message is
    acknowledged once its rows are on the disk: messages that come while it is away are recorded when it is
    back, as far as the broker keeps them.

    Attributes:
        readings: how many have been written.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        bounds: Bounds,
        *,
        features: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            config: whose topics, payloads and broker these are.
            folder: gets a folder for each detector.
            bounds: how much is kept.
            features: of a detector that joins them, if its bundle does not exist yet.
            clock: Unix seconds.

        Raises:
            ConfigError: the features of a detector that joins are not known.
            StreamdetectError: the folder cannot be written.
        """
        self.readings = 0
        self._stopping = self._ended = False
        self._batch = config.batch
        listeners = [listener(config, at, features) for at in range(len(config.detectors))]
        self._gathering = Gathering(listeners, [{} for _ in listeners])
        try:
            self._files = [Files(folder / one.name, one.features, bounds, clock) for one in listeners]
        except OSError as error:
            raise StreamdetectError(f"{folder}: cannot be written: {error.strerror}") from error
        arrivals = ArrivalClock(clock)
        self._inbox = Inbox(config.batch.inbox)
        self._inbox.in_order = not self._gathering.apart
        name = f"{config.mqtt.client_id}-record"
        self.edge = MqttEdge(
            config.mqtt.model_copy(update={"client_id": name}),
            uncovered([topic for one in config.detectors for topic in one.topics]),
            self._inbox,
            status_topic=f"{config.events.prefix}/record/status",
            stamp=arrivals.stamp,
        )

    def stop(self) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._stopping = True

    def run(self, seconds: float = inf) -> None:
        """Record until `stop`, or for so many seconds.

        Raises:
            StreamdetectError: the files cannot be written.
            RuntimeError: the network thread failed.
        """
        until = time.monotonic() + seconds
        say_at = time.monotonic() + _SAY_EVERY
        self.edge.start()
        try:
            while not self._stopping and time.monotonic() < until:
                self.edge.completed()
                self._turn()
                if time.monotonic() >= say_at:
                    say_at += _SAY_EVERY
                    log.info("%s", self.status())
        finally:
            self._ended = True
            self.edge.stop(_GOODBYE)
            for files in self._files:
                files.close()

    def status(self) -> str:
        """Return how much was recorded, in a line; while it runs, also why nothing comes."""
        size = sum(files.size for files in self._files)
        deaf = not self.edge.subscribed and not self._ended
        trouble = f"; {self.edge.last_error or 'not connected'}" if deaf else ""
        return f"recorded {self.readings:,} readings, {size / 1e6:,.1f} MB{trouble}"

    def _turn(self) -> None:
        """Write one batch, then acknowledge it."""
        halfway = self._gathering.halfway
        batch = self._batch
        messages = self._inbox.take(batch.max_batch, batch.max_wait, 0.0 if halfway else _IDLE)
        if not messages and not halfway and not self._inbox.large:
            return
        gathered = self._gathering.gather(messages, self._inbox.take_large)
        self._write(gathered)
        for message in gathered.finished:
            self._inbox.finished(message)
        done = [*messages, *gathered.finished]
        self.edge.ack([(message.generation, message.mid) for message in done if message.qos])

    def _write(self, batch: Batch) -> None:
        try:
            for files, one in zip(self._files, batch.gathered, strict=True):
                if one.sensors:
                    files.write(_rows(one))
                    files.flush()
                    self.readings += len(one.sensors)
        except OSError as error:
            raise StreamdetectError(
                f"{error.filename or 'recording'}: cannot be written: {error.strerror}"
            ) from error


def _rows(gathered: Gathered) -> list[list[object]]:
    readings = gathered.readings()
    columns = zip(readings.sensors, readings.times.tolist(), readings.values.tolist(), strict=True)
    return [[moment, sensor, *values] for sensor, moment, values in columns]


def _as_it_comes(config: DetectorConfig) -> DetectorConfig:
    """Return the settings without those for a sensor's series: they apply when the recording is read."""
    fields = type(config).model_fields
    return config.model_copy(update={name: fields[name].default for name in _SERIES})


def listener(config: Config, at: int, features: Sequence[str] = ()) -> Listener:
    """Make the listener of a detector.

    Raises:
        ConfigError: it joins features, and neither the caller nor its bundle names them.
    """
    one = _as_it_comes(config.detectors[at])
    payload = one.payload_settings(config.mqtt.max_payload)
    if one.join is None:
        return Listener(one, codec(payload), tuple(payload.features))
    try:
        known = tuple(features) or Bundle.load(one.bundle).manifest.features
    except BundleError as error:
        rule = f"must load to name the features that are joined ({error}); --features names them without it"
        raise ConfigError([Problem(f"detectors[{at}].bundle", rule, one.bundle)]) from error
    return Listener(one, codec(payload), known)
