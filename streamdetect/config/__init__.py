"""The configuration: one YAML file, strictly read, every problem reported at once."""

from __future__ import annotations

from streamdetect.config.broker import MqttConfig, TlsConfig
from streamdetect.config.detectors import DetectorConfig, JoinConfig, PayloadConfig
from streamdetect.config.judging import IncidentsConfig, ThresholdConfig
from streamdetect.config.loading import load, parse, schema, validate
from streamdetect.config.page import PageConfig
from streamdetect.config.root import Config
from streamdetect.config.service import (
    AnswersConfig,
    BatchConfig,
    EventsConfig,
    HistoryConfig,
    HomeAssistantConfig,
    LoggingConfig,
    MetricsConfig,
    ServerTlsConfig,
    ShutdownConfig,
    StateConfig,
)
from streamdetect.config.sinks import (
    FileConfig,
    InhibitConfig,
    MaintenanceConfig,
    NotifyConfig,
    PeriodConfig,
    SinkConfig,
    WebhookConfig,
)
from streamdetect.config.spark import SparkConfig

__all__ = [
    "AnswersConfig",
    "BatchConfig",
    "Config",
    "DetectorConfig",
    "EventsConfig",
    "FileConfig",
    "HistoryConfig",
    "HomeAssistantConfig",
    "IncidentsConfig",
    "InhibitConfig",
    "JoinConfig",
    "LoggingConfig",
    "MaintenanceConfig",
    "MetricsConfig",
    "MqttConfig",
    "NotifyConfig",
    "PageConfig",
    "PayloadConfig",
    "PeriodConfig",
    "ServerTlsConfig",
    "ShutdownConfig",
    "SinkConfig",
    "SparkConfig",
    "StateConfig",
    "ThresholdConfig",
    "TlsConfig",
    "WebhookConfig",
    "load",
    "parse",
    "schema",
    "validate",
]
