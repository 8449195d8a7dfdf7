"""The health of the daemon, its rejected messages, and its versions: for the pages health and about."""

from __future__ import annotations

import platform
import time
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from streamdetect import __version__
from streamdetect.page.sensors import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.codecs.router import Routes
    from streamdetect.page.activity import Activity
    from streamdetect.page.series_writer import SeriesWriter
    from streamdetect.page.sources import Facts, Refused, Shown, Sources

_TOPICS = 200  # listed at most
_LONGEST = 500  # characters of a topic, payload or detail
_PACKAGES = ("youplot", "starlette", "uvicorn", "numpy", "onnxruntime", "orjson", "paho-mqtt", "pydantic")
_SETTINGS = ("threshold", "incidents", "views", "sensitivity", "stride", "max_gap", "idle_after")


class Health:
    """Describes the health of the daemon."""

    def __init__(self, sources: Sources, activity: Activity, writer: SeriesWriter) -> None:
        self._sources, self._activity, self._series_writer = sources, activity, writer
        self._started, self._began = time.time(), time.monotonic()

    def now(self) -> Facts:
        """Return the health at this moment."""
        objections = list(self._sources.unready())
        heard, topics = self._sources.topics(_TOPICS)
        shown = self._sources.detectors()
        return {
            "ready": not objections,
            "reason": "; ".join(objections) or None,
            "version": __version__,
            "uptime_seconds": time.monotonic() - self._began,
            "connection": self._connection(),
            "throughput": self._throughput(),
            "rejected": [_refused(one) for one in self._sources.refused()],
            "topics": [_topic(topic, routes, shown) for topic, routes in topics],
            "topics_heard": heard,
            "sinks": [
                {
                    "name": name,
                    "pending": len(lane),
                    "delivered": lane.published,
                    "failed": lane.undeliverable,
                    "problem": lane.sink.failure or None,
                }
                for name, lane in self._sources.lanes().items()
            ],
            "history": self._history(),
        }

    def about(self) -> Facts:
        """Return the versions, the detectors, and the packages with their licences."""
        return {
            "version": __version__,
            "python": platform.python_version(),
            "started": written(self._started),
            "detectors": [_detector(one) for one in self._sources.detectors()],
            "licences": [found for name in _PACKAGES if (found := _package(name))],
        }

    def _connection(self) -> Facts:
        mqtt, facts = self._sources.config().mqtt, self._sources.connection()
        return {
            "connected": facts.connected,
            "subscribed": facts.subscribed,
            "host": mqtt.host,
            "port": mqtt.resolved_port,
            "address": mqtt.address,
            "client_id": mqtt.client_id,
            "problem": facts.problem or None,
        }

    def _throughput(self) -> Facts:
        rates = self._activity.rates()
        return {
            "messages": self._activity.messages,
            "readings": self._activity.readings,
            "messages_per_second": rates.messages,
            "readings_per_second": rates.readings,
            "queue": self._sources.connection().waiting,
            "latency_seconds": self._activity.latency(),
        }

    def _history(self) -> Facts:
        store = self._series_writer.store
        return {
            "bytes": store.size,
            "budget_bytes": self._series_writer.budget,
            "on_disk": store.on_disk,
            "lost_readings": self._series_writer.lost,
            "problem": self._series_writer.failure or None,
            "steps": [
                {"seconds": step, "oldest": None if oldest is None else written(oldest)}
                for step, oldest in store.oldest().items()
            ],
        }


def _refused(one: Refused) -> Facts:
    return {
        "detector": one.detector or None,
        "reason": one.reason,
        "ignored": one.ignored,
        "count": one.times,
        "last": written(one.latest),
        "topic": one.topic[:_LONGEST],
        "payload": one.payload.decode(errors="replace")[:_LONGEST],
        "path": one.path or None,
        "detail": one.detail[:_LONGEST],
    }


def _topic(topic: str, routes: Routes, shown: Sequence[Shown]) -> Facts:
    names = [one.name for one in shown]
    return {
        "topic": topic[:_LONGEST],
        "sensors": [
            {"detector": names[route.detector], "sensor": route.sensor or None}
            for route in routes
            if route.detector < len(names)
        ],
        "problem": routes.refusal.detail[:_LONGEST] if routes.refusal else None,
    }


def _detector(one: Shown) -> Facts:
    manifest = one.bundle.manifest
    settings = one.config.model_dump(mode="json", include=set(_SETTINGS))
    return {
        "name": one.name,
        "sensors": len(one.detector),
        "topics": list(one.config.topics),
        "bundle": {
            "name": one.config.bundle,
            "fingerprint": one.bundle.fingerprint,
            "architecture": manifest.model_name,
            "time_steps": manifest.time_steps,
            "features": list(manifest.features),
        },
        "settings": settings,
    }


def _package(name: str) -> Facts | None:
    """Return a package with its licence; None if it is not installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    said = found.metadata.json
    licence = said.get("license_expression") or said.get("license") or _classified(said.get("classifier", []))
    return {"name": name, "version": found.version, "licence": str(licence).splitlines()[0][:100]}


def _classified(classifiers: object) -> str:
    """Return the licence that the classifiers name."""
    names = classifiers if isinstance(classifiers, list) else []
    return next((name.rpartition(" :: ")[2] for name in names if name.startswith("License :: ")), "unknown")
