"""What Prometheus sees: a passive observer of one frozen report per batch.

The main thread calls `observe`; a scrape calls `exposition`, on a thread of the HTTP server. There is no
lock: every batch replaces the totals as one object, so a scrape sees whole batches only. Gauges are read at
the scrape and may be a batch ahead of the totals; within one sensor they may mix two successive batches.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from streamdetect.codecs import REASONS
from streamdetect.core.readings import Outcome
from streamdetect.monitoring.reports import MESSAGE_OUTCOMES
from streamdetect.monitoring.sensor_series import sensor_series
from streamdetect.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from prometheus_client.core import Metric

    from streamdetect.core.verdicts import SensorColumns
    from streamdetect.monitoring.reports import BatchReport

_PREFIX = "streamdetect_"
TRANSITIONS = ("opened", "updated", "closed", "regime_changed")
_OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_SECONDS = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
_MESSAGES = 2.0 ** np.arange(13)

# name: (help, labels); what `observe` adds up
_COUNTERS = {
    "messages": ("MQTT messages handled.", ("outcome",)),
    "rejected": ("Messages that could not become readings.", ("reason",)),
    "readings": ("Readings handled.", ("detector", "outcome")),
    "windows_scored": ("Windows run through the model.", ("detector",)),
    "anomalies": ("Windows whose reconstruction error was over the threshold.", ("detector",)),
    "incident_transitions": ("Incidents opened, updated and closed; regimes changed.", ("detector", "kind")),
}
_HISTOGRAMS = {
    "batch_size": ("Messages in a batch.", _MESSAGES),
    "inference_duration_seconds": ("Time to score one detector's windows of a batch.", _SECONDS),
    "end_to_end_latency_seconds": ("Time from the arrival of a message to the verdict.", _SECONDS),
}
# What others count, read at the scrape
WATCHED_COUNTERS = {
    "detectors_restarted": "Detectors that gave up the state there was of them: it did not fit any more.",
    "events_published": "Events that the broker took.",
    "events_undeliverable": "Events given up because the broker refuses them for good.",
    "inbox_dropped": "QoS 0 messages dropped because the inbox was full.",
    "mqtt_connects": "Connections that the broker accepted.",
    "mqtt_connect_failures": "Attempts to connect that failed.",
    "mqtt_disconnects": "Connections lost.",
    "mqtt_library_faults": "Connections lost to a fault in the MQTT library.",
    "mqtt_publications_delivered": "Publications that the broker took.",
    "mqtt_publications_failed": "Publications not delivered.",
    "mqtt_session_losses": "Connections on which the broker had forgotten our session.",
    "mqtt_stale_acks": "Acknowledgements dropped because their connection was gone.",
    "state_commits": "Transactions that made state durable.",
    "state_commit_failures": "Transactions that the disk did not take; they are tried again.",
    "state_set_aside": "Databases that could not be used and were renamed.",
}
WATCHED_GAUGES = {
    "arrival_clock_ahead_seconds": "How far arrival times are ahead of a clock that was set back.",
    "checkpoint_age_seconds": "How long the oldest effect has waited for its commit; 0 when all are done.",
    "config_last_reload_success_timestamp_seconds": "When the configuration was last loaded.",
    "config_last_reload_successful": "Whether the last attempt to load the configuration succeeded.",
    "inbox_depth": "Messages that wait for the main thread.",
    "inbox_limit": "Messages that may be here at a time: max_undelivered_messages, at QoS 0 batch.inbox.",
    "mqtt_connected": "Whether the broker is connected.",
    "mqtt_subscribed": "Whether the broker has granted every subscription.",
    "mqtt_unacknowledged": "QoS 1 messages that are here and not acknowledged yet.",
    "outbox_depth": "Events that wait to be delivered.",
    "state_durable": "Whether state is kept on disk rather than in memory.",
    "state_journal_bytes": "Size of what came since the last snapshot.",
    "state_snapshot_timestamp_seconds": "When the last snapshot was completed or read.",
    "state_writable": "Whether the last attempt to save state succeeded.",
}
# Read from a detector's columns
_SENSORS = {
    "sensors": "Sensors known.",
    "sensors_warming_up": "Sensors that have no threshold of their own yet.",
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


class _Totals(NamedTuple):
    """All that `observe` has added up; never changed, only replaced."""

    counts: dict[tuple[str, ...], int]  # by (metric, *label values)
    histograms: dict[str, tuple[NDArray[np.int64], float]]  # counts of each bucket, sum
    last_arrival: float  # Unix seconds; 0 before the first message


class Metrics:
    """Totals of all batches, and what is read at every scrape.

    Attributes:
        detectors: by name; replace the mapping as a whole.
        gauges: functions by name, of those in `WATCHED_GAUGES`.
        counters: functions that return counts by name, of those in `WATCHED_COUNTERS`.
    """

    def __init__(self, *, per_sensor: bool, max_sensors: int) -> None:
        """Start at zero.

        Args:
            per_sensor: whether sensors have series of their own.
            max_sensors: how many of them.
        """
        self.detectors: Mapping[str, Watched] = {}
        self.gauges: dict[str, Callable[[], float]] = {}
        self.counters: list[Callable[[], Mapping[str, int]]] = []
        self._max_sensors = max_sensors if per_sensor else 0
        # A counter that is not there until it counts looks to rate() as if it had always been that high.
        counts: dict[tuple[str, ...], int] = {("messages", outcome): 0 for outcome in MESSAGE_OUTCOMES}
        counts |= {("rejected", reason): 0 for reason in REASONS}
        empty = {
            name: (np.zeros(len(bounds) + 1, np.int64), 0.0) for name, (_, bounds) in _HISTOGRAMS.items()
        }
        self._totals = _Totals(counts, empty, 0.0)
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def observe(self, report: BatchReport) -> None:
        """Add one batch to the totals."""
        counts = self._totals.counts.copy()
        for labels, count in _counted(report):
            counts[labels] = counts.get(labels, 0) + count
        observed = {
            "batch_size": np.array([sum(report.messages.values())]),
            "inference_duration_seconds": np.array(
                [d.inference_seconds for d in report.detectors if d.windows]
            ),
            "end_to_end_latency_seconds": report.latencies,
        }
        histograms = {
            name: _with(*self._totals.histograms[name], _HISTOGRAMS[name][1], values)
            for name, values in observed.items()
        }
        self._totals = _Totals(counts, histograms, report.last_arrival)

    def count_transitions(self, kinds: Mapping[str, Sequence[str]]) -> None:
        """Add what became of incidents outside of any batch: their kinds, by detector."""
        counts = self._totals.counts.copy()
        for detector, its in kinds.items():
            for kind in its:
                key = ("incident_transitions", detector, kind)
                counts[key] = counts.get(key, 0) + 1
        self._totals = self._totals._replace(counts=counts)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format, version 0.0.4."""
        columns = {name: (watched.columns(), watched.features) for name, watched in self.detectors.items()}
        series, left_out = sensor_series(columns, self._max_sensors)
        families = [*self._totalled(), *self._watched(), *self._of_detectors(columns, left_out)]
        ours = generate_latest(_Families(families))
        return ours + generate_latest(self._process) + series.encode()

    def _totalled(self) -> Iterator[Metric]:
        totals = self._totals
        for name, (text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
            for (metric, *values), count in totals.counts.items():
                if metric == name:
                    family.add_metric(values, count)
            yield family
        for name, (text, bounds) in _HISTOGRAMS.items():
            counts, total = totals.histograms[name]
            edges = [*map(str, bounds.tolist()), "+Inf"]
            buckets = list(zip(edges, np.cumsum(counts).tolist(), strict=True))
            yield HistogramMetricFamily(_PREFIX + name, text, buckets=buckets, sum_value=total)
        last = GaugeMetricFamily(
            _PREFIX + "last_message_timestamp_seconds", "When the latest message arrived."
        )
        if totals.last_arrival:
            last.add_metric([], totals.last_arrival)
        yield last

    def _watched(self) -> Iterator[Metric]:
        counts = {name: count for read in self.counters for name, count in read().items()}
        for name, count in counts.items():
            yield CounterMetricFamily(_PREFIX + name, WATCHED_COUNTERS[name], value=count)
        for name, read in self.gauges.items():
            yield GaugeMetricFamily(_PREFIX + name, WATCHED_GAUGES[name], value=read())
        info = GaugeMetricFamily(_PREFIX + "build_info", "What is running.", labels=["version", "python"])
        info.add_metric([__version__, platform.python_version()], 1)
        yield info

    def _of_detectors(
        self, columns: Mapping[str, tuple[SensorColumns, Sequence[str]]], left_out: Mapping[str, int]
    ) -> Iterator[Metric]:
        gauges = {
            name: GaugeMetricFamily(_PREFIX + name, text, labels=["detector"])
            for name, text in _SENSORS.items()
        }
        labels = ["detector", *Model._fields]
        models = GaugeMetricFamily(_PREFIX + "model_info", "The bundle of each detector.", labels=labels)
        for detector, (sensors, _) in columns.items():
            gauges["sensors"].add_metric([detector], len(sensors.ids))
            gauges["sensors_warming_up"].add_metric([detector], int(sensors.warming_up.sum()))
            gauges["sensors_not_exported"].add_metric([detector], left_out[detector])
            gauges["incidents_open"].add_metric([detector], int(sensors.incident_open.sum()))
            models.add_metric([detector, *self.detectors[detector].model], 1)
        return iter([*gauges.values(), models])


class _Families(NamedTuple):
    """Metric families in the place of a registry."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _counted(report: BatchReport) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield ((metric, *label values), how many)."""
    for outcome, count in report.messages.items():
        yield ("messages", outcome), count
    for reason, count in report.rejected.items():
        yield ("rejected", reason), count
    for part in report.detectors:
        became = np.bincount(part.readings, minlength=len(_OUTCOMES)).tolist()
        for outcome, count in zip(_OUTCOMES, became, strict=True):
            yield ("readings", part.detector, outcome), count
        yield ("windows_scored", part.detector), part.windows
        yield ("anomalies", part.detector), part.anomalous
        for kind in TRANSITIONS:
            yield ("incident_transitions", part.detector, kind), part.transitions.count(kind)


def _with(
    counts: NDArray[np.int64], total: float, bounds: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], float]:
    """Return a histogram with these values (n,) added; a value on a bound belongs below it."""
    if not len(values):
        return counts, total
    places = bounds.searchsorted(values)
    return counts + np.bincount(places, minlength=len(counts)), total + float(values.sum())
