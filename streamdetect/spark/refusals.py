"""What a configuration asks for that cannot be served on Spark, each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamdetect.config import Config, DetectorConfig

_SECTIONS = {
    "answers": "commands reach one daemon, not the executors",
    "homeassistant": "discovery is the daemon's",
    "page": "it reads the detectors of one daemon",
}
_ONE_BY_ONE = {
    "wait": "readings are held back by the daemon only; the log is in order already",
    "equal_times": "what is the same reading is told by its time there",
    "difference": "it needs the reading before, which another task may have had",
    "resample": "it needs the reading before, which another task may have had",
    "join": "features of a device may be in different partitions",
}


def refuse(config: Config) -> None:
    """See that everything can be served.

    Raises:
        ConfigError: something cannot; all of it is told.
    """
    if problems := list(refusals(config)):
        raise ConfigError(problems)


def refusals(config: Config) -> Iterator[Problem]:
    """Find what cannot be served."""
    for name, why in _SECTIONS.items():
        if getattr(config, name).enabled:
            yield Problem(f"{name}.enabled", f"must be false on Spark: {why}", "true")
    if config.files:
        yield Problem("files", "must be empty on Spark: executors would write one file side by side")
    if config.maintenance:
        yield Problem("maintenance", "must be empty on Spark: mute where the events go, see deploy/spark")
    if config.spark.checkpoint is None:
        yield Problem("spark.checkpoint", "is required on Spark: where the state is")
    for at, detector in enumerate(config.detectors):
        yield from _of_detector(f"detectors[{at}]", detector)


def _of_detector(path: str, detector: DetectorConfig) -> Iterator[Problem]:
    usual = type(detector)()
    for name, why in _ONE_BY_ONE.items():
        if getattr(detector, name) != getattr(usual, name):
            yield Problem(f"{path}.{name}", f"cannot be served on Spark: {why}")
    if detector.payload.format == "sparkplug":
        rule = "cannot be served on Spark: a birth has to be known where its data is decoded"
        yield Problem(f"{path}.payload.format", rule, "sparkplug")
