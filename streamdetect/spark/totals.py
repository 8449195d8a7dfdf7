"""The metrics of the cluster, served by the driver: the daemon's names, with the shard as a label."""

from __future__ import annotations

import platform
import threading
from collections import Counter
from math import nan
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from streamdetect import __version__
from streamdetect.codecs import REASONS
from streamdetect.core.readings import Outcome
from streamdetect.metrics import PREFIX
from streamdetect.monitoring.reports import MESSAGE_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

_COUNTERS = {
    "messages": ("MQTT messages handled.", ("outcome",)),
    "rejected": ("Messages, and parts of messages, that could not become readings.", ("reason",)),
    "readings": ("Readings handled.", ("detector", "shard", "outcome")),
    "windows_scored": ("Windows run through the model.", ("detector", "shard")),
    "anomalies": ("Readings with a score above 1.", ("detector", "shard")),
    "incident_transitions": (
        "Incidents opened, updated and closed; regimes changed.",
        ("detector", "shard", "kind"),
    ),
}
_GAUGES = {
    "sensors": "Sensors known.",
    "sensors_warming_up": "Sensors that are not judged yet.",
    "incidents_open": "Incidents that are open.",
}
_OUTCOMES = [outcome.name.lower() for outcome in Outcome]


class Totals:
    """Adds up the results of all shards. A micro-batch that failed and was done again counts once.

    Attributes:
        batches: how many micro-batches are done.
        behind: how many messages of the log are not taken in yet; NaN while that is not known.
        batch_seconds: how long the results of the last micro-batch took to compute, deliver and count.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.behind = nan
        self.batch_seconds = 0.0
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in _COUNTERS}
        self._counts["messages"].update({(outcome,): 0 for outcome in MESSAGE_OUTCOMES})
        self._counts["rejected"].update({(reason,): 0 for reason in REASONS})
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}  # by detector and shard
        self._newest = 0.0  # Unix seconds at which the latest message came
        self._lock = threading.Lock()

    def observe(self, results: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Add the results of a micro-batch, by shard."""
        with self._lock:
            for shard, result in results:
                for outcomes, rejected, newest in result["counts"]:
                    self._counts["messages"].update({(name,): count for name, count in outcomes.items()})
                    self._counts["rejected"].update({(name,): count for name, count in rejected.items()})
                    self._newest = max(self._newest, newest)
                for detector, work in result["work"].items():
                    self._add((detector, str(shard)), work)
            self.batches += 1

    def _add(self, place: tuple[str, str], work: Mapping[str, Any]) -> None:
        counts = self._counts
        for outcome, count in zip(_OUTCOMES, work["readings"], strict=True):
            counts["readings"][*place, outcome] += count
        counts["windows_scored"][place] += work["windows"]
        counts["anomalies"][place] += work["anomalous"]
        for kind in work["transitions"]:
            counts["incident_transitions"][*place, kind] += 1
        self._known[place] = work

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format, version 0.0.4; from any thread."""
        with self._lock:
            registry = CollectorRegistry()
            registry.register(_Families(list(self._families())))
            return generate_latest(registry)

    def _families(self) -> Iterator[Metric]:
        for name, (text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(PREFIX + name, text, labels=labels)
            for values, count in self._counts[name].items():
                family.add_metric(values, count)
            yield family
        for name, text in _GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, text, labels=("detector", "shard"))
            for place, work in self._known.items():
                gauge.add_metric(place, work[name])
            yield gauge
        info = GaugeMetricFamily(
            PREFIX + "build_info", "Version of streamdetect and of Python.", labels=("version", "python")
        )
        info.add_metric((__version__, platform.python_version()), 1)
        yield info
        for name, text, value in (
            ("last_message_timestamp_seconds", "When the latest message arrived.", self._newest),
            ("spark_batches", "Micro-batches done since the driver was started.", self.batches),
            ("spark_batch_seconds", "How long the last micro-batch took.", self.batch_seconds),
            ("spark_behind_messages", "Messages of the log that are not taken in yet, or NaN.", self.behind),
        ):
            yield GaugeMetricFamily(PREFIX + name, text, value=value)


class _Families:
    """Metric families as a collector."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
