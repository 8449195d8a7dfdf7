"""Reads a daemon's metrics: its sensors, and the daemon itself."""

from __future__ import annotations

from collections import Counter
from math import isnan, nan
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATES = ("anomalous", "silent", "warming up", "normal")
"""The states of a sensor, the most urgent first."""
_PREFIX = "streamdetect_"
_SENSOR = "sensor_"


class Sensor(NamedTuple):
    """The state of one sensor; NaN = not known."""

    detector: str
    id: str
    feature: str  # of the value; empty if the sensor has only one
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    view: str  # with the largest score; empty while there is none
    state: str  # of STATES
    warmup_readings: float  # until it is judged
    warmup_seconds: float


class Snapshot(NamedTuple):
    """A daemon and its sensors at one moment."""

    sensors: Sequence[Sensor]  # the most urgent first
    hidden: int  # sensors without series
    connected: bool  # to the broker
    accepted: float  # readings so far
    rejected: float  # messages, and parts of them

    def counts(self) -> Mapping[str, int]:
        """Count `sensors` by state; states without any are left out."""
        counted = Counter(sensor.state for sensor in self.sensors)
        return {state: counted[state] for state in STATES if counted[state]}


class _Series:
    """The samples of one sensor."""

    def __init__(self) -> None:
        self.facts: dict[str, float] = {}
        self.views: dict[str, float] = {}
        self.features: dict[str, dict[str, float]] = {}

    def take(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Add a sample."""
        if view := labels.get("view"):
            self.views[view] = value
        elif name in {"value", "expected", "lower", "upper"}:
            self.features.setdefault(labels.get("feature", ""), {})[name] = value
        else:
            self.facts[name] = value

    def sensor(self, detector: str, id_: str) -> Sensor:
        """The sensor that the samples describe."""
        facts = self.facts
        feature = max(self.features, key=lambda name: _outside(self.features[name]), default="")
        band = self.features.get(feature, {})
        return Sensor(
            detector,
            id_,
            feature,
            band.get("value", nan),
            band.get("expected", nan),
            band.get("lower", nan),
            band.get("upper", nan),
            facts.get("anomaly_score", nan),
            max(self.views, key=lambda name: self.views[name], default=""),
            self._state(),
            facts.get("warmup_readings", nan),
            facts.get("warmup_seconds", nan),
        )

    def _state(self) -> str:
        if self.facts.get("silent"):
            return "silent"
        if self.facts.get("incident_open"):
            return "anomalous"
        return "warming up" if self.facts.get("warmup_readings") else "normal"


def read(exposition: str) -> Snapshot:
    """Read the text of the metrics port."""
    series: dict[tuple[str, str], _Series] = {}
    totals: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            name, labels = sample.name.removeprefix(_PREFIX), sample.labels
            if name.startswith(_SENSOR) and "sensor" in labels:
                one = series.setdefault((labels["detector"], labels["sensor"]), _Series())
                one.take(name.removeprefix(_SENSOR), labels, sample.value)
            elif name != "readings_total" or labels["outcome"] == "accepted":
                totals[name] += sample.value  # type: ignore[assignment]  # counts of samples are floats
    sensors = [one.sensor(*key) for key, one in series.items()]
    return Snapshot(
        sorted(sensors, key=_urgency),
        int(totals["sensors_not_exported"]),
        bool(totals["mqtt_connected"]),
        totals["readings_total"],
        totals["rejected_total"],
    )


def _urgency(sensor: Sensor) -> tuple[int, float, str]:
    return STATES.index(sensor.state), 0.0 if isnan(sensor.score) else -sensor.score, sensor.id


def _outside(band: Mapping[str, float]) -> float:
    """Return how far a value is outside its band, in half-widths; below 1 inside, 0 if not known."""
    lower, upper = band.get("lower", nan), band.get("upper", nan)
    half = (upper - lower) / 2
    far = abs(band.get("value", nan) - (lower + upper) / 2) / half if half > 0 else nan
    return 0.0 if isnan(far) else far
