"""Counts of a part of the daemon, as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdetect.mqtt.edge import MqttEdge


def counted(edge: MqttEdge, name: str) -> float:
    """The value of a metric that the edge or one of its parts declares."""
    return next(metric.read(part) for part in edge.parts for metric in part.metrics if metric.name == name)
