"""The configuration: one YAML file, strictly read, every problem told at once."""

from __future__ import annotations

from streamdetect.config.broker import MqttConfig, TlsConfig
from streamdetect.config.detectors import DetectorConfig, JoinConfig, PayloadConfig
from streamdetect.config.judging import IncidentsConfig, ThresholdConfig
from streamdetect.config.loading import load, parse, schema, validate
from streamdetect.config.root import Config
from streamdetect.config.service import (
    BatchConfig,
    EventsConfig,
    LoggingConfig,
    MetricsConfig,
    ServerTlsConfig,
    ShutdownConfig,
    StateConfig,
)

__all__ = [
    "BatchConfig",
    "Config",
    "DetectorConfig",
    "EventsConfig",
    "IncidentsConfig",
    "JoinConfig",
    "LoggingConfig",
    "MetricsConfig",
    "MqttConfig",
    "PayloadConfig",
    "ServerTlsConfig",
    "ShutdownConfig",
    "StateConfig",
    "ThresholdConfig",
    "TlsConfig",
    "load",
    "parse",
    "schema",
    "validate",
]
