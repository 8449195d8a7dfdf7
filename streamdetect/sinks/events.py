"""Transitions of incidents to CloudEvents.

The format is CloudEvents 1.0, structured JSON; `event.json` describes it. Ids are hashes of the facts, so an
event that is made or sent twice, even by two processes, is recognisably the same one.
"""

from __future__ import annotations

import hashlib
from math import isnan
from typing import TYPE_CHECKING, Any

import orjson

from streamdetect.codecs.ids import shown
from streamdetect.sinks.message import Facts, drift_sentence, sentence
from streamdetect.store.event import Event
from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.bundles.runtime import Encode
    from streamdetect.core.drift import Drifted
    from streamdetect.core.transitions import Transition
    from streamdetect.core.verdicts import Pushed, Verdicts

    Window = tuple[str, float]  # the sensor, and the time of its newest reading

_TYPES = {
    "opened": "io.streamdetect.anomaly.opened",
    "updated": "io.streamdetect.anomaly.updated",
    "closed": "io.streamdetect.anomaly.closed",
    "regime_changed": "io.streamdetect.regime.changed",
}
DRIFTED = "io.streamdetect.model.drifted"
"""The type of an event about a model that fits a sensor worse than it did."""
ANSWERED = "io.streamdetect.answered"
"""The type of an event about a person's answer, see `service/answers.py`."""


class EventEncoder:
    """Makes the events of one detector."""

    def __init__(
        self,
        detector: str,
        *,
        source: str,
        bundle: str,
        origin: str | None = None,
        features: Sequence[str],
        labels: Mapping[str, str],
        units: str | Mapping[str, str] = "",
    ) -> None:
        """Set the facts that all of a detector's events share.

        Args:
            detector: its name.
            source: CloudEvents `source`, a URI reference.
            bundle: fingerprint of its bundle.
            origin: fingerprint of the bundle that it began with, by which incidents keep their ids.
            features: names of the F values of a reading.
            labels: put into every event, under those from the topic.
            units: of the values, or of each by its feature; a label `unit` comes first.
        """
        self._detector = detector
        self._source = source
        self._bundle = bundle
        self.origin = origin or bundle
        self._features = tuple(features)
        self._labels = dict(labels)
        self._units = units

    def encode(
        self, transition: Transition, labels: Mapping[str, str], latent: NDArray[np.float32] | None = None
    ) -> Event:
        """Return the event of one transition.

        Args:
            transition: the transition.
            labels: of this sensor, from the topic template.
            latent: (L,) of the window that it is about, to be put into the event.
        """
        identity = self._identity(transition.kind, transition.sensor, transition.started, transition.time)
        data = self._data(transition, labels) | ({} if latent is None else {"latent": latent})
        return cloud_event(
            identity,
            self._source,
            _TYPES[transition.kind],
            transition.sensor,
            transition.time,
            {"detector": self._detector, "sensor": transition.sensor} | data,
        )

    def incident(self, sensor: str, started: float) -> str:
        """Return the id of the incident of a sensor that began at these Unix seconds."""
        return self._identity("incident", sensor, started, started)

    def all_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of a sensor, and those that all events carry."""
        return self._labels | dict(labels)

    def units(self, labels: Mapping[str, str]) -> str | Mapping[str, str]:
        """Return the unit of a sensor with all these labels, or that of each feature."""
        unit = labels.get("unit")
        return shown(unit) if unit else self._units

    def encode_drift(self, drifted: Drifted, labels: Mapping[str, str]) -> Event:
        """Return the event of a sensor that its model fits worse; labels as of `encode`."""
        identity = self._identity("drifted", drifted.sensor, drifted.since, drifted.time)
        return cloud_event(
            identity,
            self._source,
            DRIFTED,
            drifted.sensor,
            drifted.time,
            {
                "detector": self._detector,
                "sensor": drifted.sensor,
                "message": drift_sentence(shown(drifted.sensor), drifted.ratio),
                "labels": self._labels | dict(labels),
                "severity": "warning",
                "ratio": drifted.ratio,
                "error": drifted.error,
                "first_error": drifted.first,
                "started": rfc3339(drifted.since),
                "bundle": self._bundle,
            },
        )

    def _data(self, transition: Transition, labels: Mapping[str, str]) -> dict[str, Any]:
        end = transition.time if transition.ended is None else transition.ended
        labels = self.all_labels(labels)
        units = self.units(labels)
        return {
            "message": sentence(self._facts(transition, end, units)),
            "incident": self.incident(transition.sensor, transition.started),
            "labels": labels,
            "value": self._by_feature(transition.value),
            "unit": units or None,
            "error": transition.error,
            "threshold": transition.threshold,
            "mean": transition.mean,
            "sigma": transition.sigma,
            "kind": transition.fault,
            "direction": transition.direction,
            "views": transition.views,
            "feature": self._features[transition.feature],
            "expected": self._by_feature(transition.expected),
            "lower": self._by_feature(transition.lower),
            "upper": self._by_feature(transition.upper),
            "score": transition.score,
            "severity": transition.severity,
            # Of an evicted sensor they are no longer known.
            "feature_errors": dict(zip(self._features, transition.feature_errors, strict=False)),
            "started": rfc3339(transition.started),
            "ended": None if transition.ended is None else rfc3339(transition.ended),
            "duration_seconds": end - transition.started,
            "peak": {
                "value": self._by_feature(transition.peak_value),
                "error": transition.peak_error,
                "score": transition.peak_score,
                "time": rfc3339(transition.peak_time),
            },
            "windows": transition.windows,
            "reason": transition.reason,
            "recurs_seconds": transition.recurs,
            "bundle": self._bundle,
        }

    def _facts(self, transition: Transition, end: float, units: str | Mapping[str, str]) -> Facts:
        """Return the facts for the sentence about a transition."""
        at, feature = transition.feature, self._features[transition.feature]
        return Facts(
            edge=transition.kind,
            sensor=shown(transition.sensor),
            values=dict(zip(self._features, transition.value, strict=True)),
            seconds=end - transition.started,
            score=transition.score,
            reason=transition.reason,
            kind=transition.fault,
            direction=transition.direction or None,
            feature=feature,
            worst=_known(transition.peak_value[at]),
            expected=_known(transition.expected[at]),
            lower=_known(transition.lower[at]),
            upper=_known(transition.upper[at]),
            recurs=_known(transition.recurs),
            held=_known(transition.held),
            most=_known(transition.most),
            limit=_known(transition.limit),
            unit=units if isinstance(units, str) else units.get(feature, ""),
        )

    def _by_feature(self, numbers: Sequence[float]) -> float | dict[str, float]:
        """One number, or those of several features by name; orjson writes NaN as null."""
        return numbers[0] if len(numbers) == 1 else dict(zip(self._features, numbers, strict=True))

    def _identity(self, kind: str, sensor: str, started: float, time: float) -> str:
        """Return 32 hex digits that identify this alone; all edges of an incident share `started`."""
        facts = [self._detector, sensor, kind, started.hex(), time.hex(), self.origin]
        return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:32]


def cloud_event(
    identity: str, source: str, kind: str, subject: str, time: float, data: Mapping[str, Any]
) -> Event:
    """An event of any kind.

    Args:
        identity: 32 hex digits.
        source: CloudEvents `source`.
        kind: CloudEvents `type`.
        subject: CloudEvents `subject`, as a rule the sensor.
        time: when it happened, Unix seconds.
        data: `detector` and `sensor` where it is about one, and more.
    """
    facts = {
        "specversion": "1.0",
        "id": identity,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": rfc3339(time),
        "datacontenttype": "application/json",
        "data": data,
    }
    written = orjson.dumps(facts, option=orjson.OPT_SERIALIZE_NUMPY)
    # A copy: what orjson gives keeps its buffer of 8 KiB and more, and thousands may have to wait.
    return Event(identity, data.get("detector", ""), data.get("sensor", ""), bytes(memoryview(written)))


def latent_vectors(encode: Encode, pushed: Pushed, verdicts: Verdicts) -> dict[Window, NDArray[np.float32]]:
    """Return the latent vectors, (L,), of those windows in which something changed, by sensor and time.

    An incident that ended because its sensor was evicted is about a window of an earlier batch: it has none
    here.
    """
    changed = {(transition.sensor, transition.time) for transition in verdicts.transitions}
    due = pushed.cut.due.tolist() if changed else ()
    windows = [(verdicts.sensors[place], float(verdicts.times[place])) for place in due]
    places = {window: at for at, window in enumerate(windows) if window in changed}
    if not places:
        return {}
    return dict(zip(places, encode(pushed.windows[list(places.values())]), strict=True))


def _known(number: float) -> float | None:
    return None if isnan(number) else number


def example(source: str, now: float) -> Event:
    """Make an event that says that it is a test; `now` is Unix seconds."""
    values = {"value": -9.1}
    facts = Facts(
        "opened",
        "test sensor",
        values,
        7200.0,
        2.5,
        kind="drift",
        direction="up",
        lower=-19.3,
        upper=-16.8,
        unit="°C",
    )
    identity = hashlib.sha256(f"{source} {now!r}".encode()).hexdigest()[:32]
    data = {
        "message": f"This is a test: {sentence(facts)}",
        "detector": "test",
        "sensor": facts.sensor,
        "incident": identity,
        "labels": {},
        "value": values["value"],
        "unit": facts.unit,
        "score": facts.score,
        "severity": "warning",
        "started": rfc3339(now - facts.seconds),
        "ended": None,
        "reason": "",
    }
    return cloud_event(identity, source, _TYPES["opened"], facts.sensor, now, data)
