"""The metrics for Prometheus: a passive observer of one frozen report per batch.

The main thread calls `observe`, which adds to counters and histograms of the stock client; a scrape calls
`exposition`, on a thread of the HTTP server, and reads the parts of the daemon that declare metrics of their
own (streamdetect/metrics.py). A scrape in the middle of `observe` sees a part of that batch.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from streamdetect import __version__
from streamdetect.codecs import REASONS
from streamdetect.core.readings import Outcome
from streamdetect.metrics import PREFIX
from streamdetect.monitoring.reports import MESSAGE_OUTCOMES
from streamdetect.monitoring.sensor_series import sensor_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from prometheus_client.core import Metric

    from streamdetect.core.verdicts import SensorColumns
    from streamdetect.metrics import Measured
    from streamdetect.metrics import Metric as Declared
    from streamdetect.monitoring.reports import BatchReport, DetectorReport

TRANSITIONS = ("opened", "updated", "closed", "regime_changed")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_MESSAGES = tuple(2.0**power for power in range(13))
disable_created_metrics()  # type: ignore[no-untyped-call] # a series more a counter, which nothing reads

# Read from a detector's columns
_SENSORS = {
    "sensors": "Sensors known.",
    "sensors_warming_up": "Sensors that are not judged yet.",
    "sensors_drifting": "Sensors whose model fits worse than in their first week.",
    "sensors_not_exported": "Sensors without series of their own.",
    "incidents_open": "Incidents that are open.",
}


class Model(NamedTuple):
    """The labels of `model_info` beside the detector."""

    bundle: str
    architecture: str
    fingerprint: str


class Watched(NamedTuple):
    """A detector that scrapes look at."""

    columns: Callable[[], SensorColumns]
    features: Sequence[str]
    model: Model


class _Histogram(Histogram):
    """The stock histogram, with many values observed at once.

    A batch has one value for each window: 512 take `observe` 410 µs, 4 % of what their messages cost in all,
    and `observe_all` 15 µs.
    """

    def observe_all(self, values: NDArray[np.float64]) -> None:
        """Add values, (n,); one on a bound belongs below it."""
        if len(values):
            places = np.searchsorted(self._upper_bounds, values)
            for bucket, count in zip(
                self._buckets, np.bincount(places, minlength=len(self._buckets)), strict=True
            ):
                bucket.inc(int(count))
            self._sum.inc(float(values.sum()))


class _DetectorCounters:
    """The counters of one detector: `labels` looks them up under a lock, once instead of at every batch."""

    def __init__(self, detector: str, totals: _Totals) -> None:
        self.readings = [totals.readings.labels(detector, outcome.name.lower()) for outcome in Outcome]
        self.windows = totals.windows.labels(detector)
        self.anomalies = totals.anomalies.labels(detector)
        self.transitions = {kind: totals.transitions.labels(detector, kind) for kind in TRANSITIONS}

    def add(self, report: DetectorReport) -> None:
        """Add what the detector did in one batch."""
        became = np.bincount(report.readings, minlength=len(self.readings)).tolist()
        for counter, count in zip(self.readings, became, strict=True):
            counter.inc(count)
        self.windows.inc(report.windows)
        self.anomalies.inc(report.anomalous)
        for kind in report.transitions:
            self.transitions[kind].inc()


class _Totals:
    """The totals that `observe` adds up, each with its name, its meaning and its labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, bounds: Sequence[float]) -> _Histogram:
            return _Histogram(PREFIX + name, text, buckets=bounds, registry=registry)

        self.messages = counter("messages", "MQTT messages handled.", "outcome")
        self.rejected = counter(
            "rejected", "Messages, and parts of messages, that could not become readings.", "reason"
        )
        self.readings = counter("readings", "Readings handled.", "detector", "outcome")
        self.windows = counter("windows_scored", "Windows run through the model.", "detector")
        self.anomalies = counter("anomalies", "Readings with a score above 1.", "detector")
        self.transitions = counter(
            "incident_transitions",
            "Incidents opened, updated and closed; regimes changed.",
            "detector",
            "kind",
        )
        self.batch_size = histogram("batch_size", "Messages in a batch.", _MESSAGES)
        self.inference = histogram(
            "inference_duration_seconds", "Time to score one detector's windows of a batch.", _SECONDS
        )
        self.latency = histogram(
            "end_to_end_latency_seconds", "Time from the arrival of a message to the verdict.", _SECONDS
        )
        # A counter that is missing until it counts looks to rate() as if it had always been that high.
        for outcome in MESSAGE_OUTCOMES:
            self.messages.labels(outcome)
        for reason in REASONS:
            self.rejected.labels(reason)


class Metrics:
    """Totals of all batches, and the values read at every scrape.

    Attributes:
        detectors: by name; replace the mapping as a whole.
        parts: of the daemon, those that declare metrics of their own.
        muted: gives, at a scrape, a function that tells whether a detector's sensor is muted; None = none is.
    """

    def __init__(self, *, per_sensor: bool, max_sensors: int) -> None:
        """Start at zero.

        Args:
            per_sensor: whether sensors have series of their own.
            max_sensors: how many of them.
        """
        self.detectors: Mapping[str, Watched] = {}
        self.parts: Sequence[Measured] = ()
        self.muted: Callable[[], Callable[[str, str], bool] | None] = lambda: None
        self._max_sensors = max_sensors if per_sensor else 0
        self._registry = CollectorRegistry()
        self._totals = _Totals(self._registry)
        self._counters: dict[str, _DetectorCounters] = {}
        self._last_arrival = 0.0  # Unix seconds; 0 before the first message
        ProcessCollector(registry=self._registry)

    def observe(self, report: BatchReport) -> None:
        """Add one batch to the totals."""
        totals = self._totals
        for outcome, count in report.messages.items():
            totals.messages.labels(outcome).inc(count)
        for reason, count in report.rejected.items():
            totals.rejected.labels(reason).inc(count)
        for part in report.detectors:
            self._of(part.detector).add(part)
            if part.windows:
                totals.inference.observe(part.inference_seconds)
        totals.batch_size.observe(sum(report.messages.values()))
        totals.latency.observe_all(report.latencies)
        self._last_arrival = max(report.last_arrival, 0.0) or self._last_arrival

    def count_transitions(self, kinds: Mapping[str, Sequence[str]]) -> None:
        """Add transitions of incidents outside of any batch: their kinds, by detector."""
        for detector, its in kinds.items():
            for kind in its:
                self._of(detector).transitions[kind].inc()

    def _of(self, detector: str) -> _DetectorCounters:
        if detector not in self._counters:
            self._counters[detector] = _DetectorCounters(detector, self._totals)
        return self._counters[detector]

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format, version 0.0.4."""
        columns = {name: (watched.columns(), watched.features) for name, watched in self.detectors.items()}
        series, left_out = sensor_series(columns, self._max_sensors, self.muted())
        families = [*self._declared(), *self._about(), *self._of_detectors(columns, left_out)]
        return generate_latest(self._registry) + generate_latest(_Families(families)) + series.encode()

    def _declared(self) -> Iterator[Metric]:
        for part in self.parts:
            for metric in part.metrics:
                yield _family(metric, metric.read(part))

    def _about(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            PREFIX + "build_info", "Version of streamdetect and of Python.", labels=["version", "python"]
        )
        info.add_metric([__version__, platform.python_version()], 1)
        yield info
        last = GaugeMetricFamily(
            PREFIX + "last_message_timestamp_seconds", "When the latest message arrived."
        )
        if self._last_arrival:
            last.add_metric([], self._last_arrival)
        yield last

    def _of_detectors(
        self, columns: Mapping[str, tuple[SensorColumns, Sequence[str]]], left_out: Mapping[str, int]
    ) -> Iterator[Metric]:
        gauges = {
            name: GaugeMetricFamily(PREFIX + name, text, labels=["detector"])
            for name, text in _SENSORS.items()
        }
        labels = ["detector", *Model._fields]
        models = GaugeMetricFamily(PREFIX + "model_info", "The bundle of each detector.", labels=labels)
        for detector, (sensors, _) in columns.items():
            gauges["sensors"].add_metric([detector], len(sensors.ids))
            gauges["sensors_warming_up"].add_metric([detector], int(sensors.warming_up.sum()))
            gauges["sensors_drifting"].add_metric([detector], int(sensors.drifting.sum()))
            gauges["sensors_not_exported"].add_metric([detector], left_out[detector])
            gauges["incidents_open"].add_metric([detector], int(sensors.incident_open.sum()))
            models.add_metric([detector, *self.detectors[detector].model], 1)
        return iter([*gauges.values(), models])


class _Families(NamedTuple):
    """Metric families, given to the client instead of a registry."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _family(metric: Declared[Measured], value: float | Mapping[tuple[str, ...], float]) -> Metric:
    """Return a metric of a part, with its value now."""
    kind = CounterMetricFamily if metric.counts else GaugeMetricFamily
    family = kind(PREFIX + metric.name, metric.text, labels=metric.labels)
    for labels, one in value.items() if isinstance(value, Mapping) else [((), value)]:
        family.add_metric(labels, one)
    return family
