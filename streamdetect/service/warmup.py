"""Warm-up in the log: how many sensors are not judged by their own past yet, and how long that takes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streamdetect.sinks.message import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.core.detector import Detector
    from streamdetect.service.assembly import Assembly

log = logging.getLogger(__name__)


class WarmupWatch:
    """Logs when sensors of a detector begin to warm up, and when all of them are warm."""

    def __init__(self) -> None:
        self._warming: dict[str, int] = {}  # sensors by detector, when it was last looked

    def turn(self, assemblies: Iterable[Assembly]) -> None:
        """Look at the detectors, and log what has changed."""
        for assembly in assemblies:
            count, text = describe(assembly.detector)
            before = self._warming.get(assembly.name, 0)
            self._warming[assembly.name] = count
            if count and not before:
                log.info(
                    "detector %s: %s; until then level, trend and model do not judge", assembly.name, text
                )
            elif before and not count:
                log.info("detector %s: all sensors are judged by their own past", assembly.name)


def describe(detector: Detector) -> tuple[int, str]:
    """Describe how many sensors warm up, and the longest time left where it is known."""
    count, seconds = detector.warmup()
    left = f", {duration(seconds)} left" if seconds else ""
    return count, f"{count} warming up{left}"
