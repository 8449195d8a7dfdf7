"""Finds the options of a configuration that do not work on Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamdetect.config import Config, DetectorConfig

_SECTIONS = {
    "answers": "commands reach a daemon, not the executors",
    "homeassistant": "only the daemon announces sensors to Home Assistant",
    "page": "the page reads the detectors of a daemon",
}
_ONE_BY_ONE = {
    "wait": "only the daemon holds readings back; the log is in order already",
    "equal_times": "a reading that is read again is recognised by its time",
    "difference": "it needs the previous reading, which another task may have read",
    "resample": "it needs the previous reading, which another task may have read",
    "join": "the features of a device may be in different partitions",
}


def refuse(config: Config) -> None:
    """Check that everything works on Spark.

    Raises:
        ConfigError: something does not; names all of it.
    """
    if problems := list(refusals(config)):
        raise ConfigError(problems)


def refusals(config: Config) -> Iterator[Problem]:
    """Find each option that does not work on Spark."""
    for name, why in _SECTIONS.items():
        if getattr(config, name).enabled:
            yield Problem(f"{name}.enabled", f"must be false on Spark: {why}", "true")
    if config.files:
        yield Problem("files", "must be empty on Spark: several executors would write the same file")
    if config.maintenance:
        yield Problem("maintenance", "must be empty on Spark: mute the events where they are received")
    if config.spark.checkpoint is None:
        yield Problem("spark.checkpoint", "is required on Spark: it holds the state")
    for at, detector in enumerate(config.detectors):
        yield from _of_detector(f"detectors[{at}]", detector)


def _of_detector(path: str, detector: DetectorConfig) -> Iterator[Problem]:
    usual = type(detector)()
    for name, why in _ONE_BY_ONE.items():
        if getattr(detector, name) != getattr(usual, name):
            yield Problem(f"{path}.{name}", f"does not work on Spark: {why}")
    if detector.payload.format == "sparkplug":
        rule = "does not work on Spark: the task that decodes data may not have read the birth"
        yield Problem(f"{path}.payload.format", rule, "sparkplug")
