"""The messages of a replay: their content, their order, their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import orjson

from streamdetect.errors import DataError
from streamdetect.mqtt.broker import topic_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamdetect.offline.recordings import Recording

Format = Literal["json", "number"]


class Message(NamedTuple):
    """One reading to publish."""

    due: float
    """Seconds of the recording since its start."""
    sensor: int
    """Place of the recording."""
    time: float
    """Unix seconds of the reading."""
    values: list[float]


class Messages:
    """The readings of all recordings, merged by time; those of one sensor keep the order of their file.

    Raises:
        DataError: A topic is not valid, or the readings do not fit the payload format.
    """

    def __init__(self, recordings: Sequence[Recording], topic: str, payload: Format) -> None:
        self.recordings = [recording for recording in recordings if len(recording)]
        self.topics = [topic.replace("{sensor}", recording.sensor) for recording in self.recordings]
        self._payload = payload
        _check_topics(topic, self.topics)
        for recording in self.recordings:
            _check_features(recording, payload)

    def __len__(self) -> int:
        return sum(map(len, self.recordings))

    def __iter__(self) -> Iterator[Message]:
        # A reading whose time goes back is due with the one before it: the daemon gets it late.
        due = np.concatenate([np.maximum.accumulate(recording.times) for recording in self.recordings])
        sensor = np.repeat(np.arange(len(self.recordings)), list(map(len, self.recordings)))
        place = np.concatenate([np.arange(len(recording)) for recording in self.recordings])
        order = np.argsort(due, kind="stable")
        due -= due[order[0]]
        for at in order.tolist():
            recording = self.recordings[sensor[at]]
            values = recording.values[place[at]].tolist()
            yield Message(float(due[at]), int(sensor[at]), float(recording.times[place[at]]), values)

    def payload(self, message: Message, time: float) -> bytes:
        """Write the payload, with this time in Unix seconds: `{"time": …, "value": …}`, or the bare number.

        With several features, each has its own name. Numbers are written so that reading them gives the
        same float64.
        """
        if self._payload == "number":
            return orjson.dumps(message.values[0])
        features = self.recordings[message.sensor].features
        names = features if len(features) > 1 else ("value",)
        return orjson.dumps({"time": time, **dict(zip(names, message.values, strict=True))})


def _check_topics(topic: str, topics: Sequence[str]) -> None:
    if "{sensor}" not in topic and len(topics) > 1:
        raise DataError(f"--topic {topic}: must contain {{sensor}}, to tell {len(topics)} sensors apart")
    for name in topics:
        problem = topic_problem(name)
        if problem or set(name) & set("{}"):
            raise DataError(f"--topic {topic}: gives {name!r}: {problem or 'only {sensor} is replaced'}")


def _check_features(recording: Recording, payload: Format) -> None:
    features = recording.features
    if payload == "number" and len(features) > 1:
        raise DataError(
            f"{recording.name}: {len(features)} value columns do not fit in --payload number; choose one "
            f"with --columns, or make each a sensor with --per-column"
        )
    if payload == "json" and len(features) > 1 and "time" in features:
        raise DataError(f"{recording.name}: a feature named time would take the place of the time")
