"""Opens the log that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdetect.config import SparkConfig
    from streamdetect.spark.log import Log


def open_log(settings: SparkConfig) -> Log:
    """Open the log of a configuration.

    Raises:
        ModuleNotFoundError: its client is not installed.
    """
    if settings.log == "kafka":
        from streamdetect.spark.kafka import KafkaLog  # noqa: PLC0415 - only with the extra kafka

        return KafkaLog(settings)
    from streamdetect.spark.nats import NatsLog  # noqa: PLC0415 - only where it is used

    return NatsLog(settings)
