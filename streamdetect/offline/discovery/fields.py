"""The kinds of payload fields, guessed from their names and from their values over time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal

Kind = Literal["measurement", "counter", "set point", "switch", "battery", "time", "other"]

_BATTERY: Final = re.compile(r"(?i)batt|soc$|charge")
_LINK: Final = re.compile(
    r"(?i)rssi|snr|signal|link_?quality|lqi|wifi|uptime|heap|memory|free|version|firmware"
)
_SET_POINT: Final = re.compile(
    r"(?i)set_?point|target|_set$|^set_|setpoint|desired|threshold|limit|calibration"
)
_COUNTER: Final = re.compile(r"(?i)total|count|energy|kwh|consumption|_sum$|pulses|rain_mm|uptime")
_TIME: Final = re.compile(
    r"(?i)^(time|timestamp|ts|t|date|datetime|received_at|last_seen|time_?stamp|at|utc)$"
)
_ID: Final = re.compile(
    r"(?i)(^|[_.])(id|ids|uid|uuid|eui|dev_?eui|mac|serial|addr(ess)?|sn|channel|index|port)$"
)
_RISES: Final = 5  # values in a row that never fall, from which a field counts as a counter
_MOST: Final = 200  # values kept of a field


@dataclass
class Field:
    """A field of the payloads received."""

    path: str
    values: list[Any] = field(default_factory=list)

    def add(self, value: object) -> None:
        """Take in a value."""
        if len(self.values) < _MOST:
            self.values.append(value)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return re.split(r"[.\[]", self.path.rstrip("]'\""))[-1].strip("'\"")

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers, or text that reads as a number."""
        return [number for number in map(number_of, self.values) if number is not None]

    @property
    def kind(self) -> Kind:
        """The most probable kind."""
        if _TIME.fullmatch(self.name) and not self._is_measured:
            return "time"
        if all(isinstance(value, bool) or str(value).upper() in _SWITCHED for value in self.values):
            return "switch"
        if len(self.numbers) < len(self.values) or _ID.search(self.name) or _LINK.search(self.name):
            return "other"
        if _BATTERY.search(self.path):
            return "battery"
        if _SET_POINT.search(self.name):
            return "set point"
        return "counter" if self._rises else "measurement"

    @property
    def _is_measured(self) -> bool:
        return self.name == "t" and all(abs(number) < 1e6 for number in self.numbers) and bool(self.numbers)  # noqa: PLR2004 - no Unix time

    @property
    def _rises(self) -> bool:
        """Tell whether it looks like a counter: it never falls and does rise, or its name says so."""
        numbers = self.numbers
        falls = any(later < earlier for earlier, later in pairwise(numbers))
        rises = len(set(numbers)) > 1 and len(numbers) >= _RISES and all(n >= 0 for n in numbers)
        return not falls and (bool(_COUNTER.search(self.name)) or (rises and len(set(numbers)) >= _RISES))


_SWITCHED: Final = {"ON", "OFF", "TRUE", "FALSE", "OPEN", "CLOSED", "ONLINE", "OFFLINE", "YES", "NO"}


def number_of(value: object) -> float | None:
    """Read a value as the daemon does by default; None where it would not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) and "_" not in value else None
    except ValueError:
        return None


def flattened(document: object, prefix: str = "") -> dict[str, object]:
    """Return the plain values of a document by their paths; lists are left out."""
    if not isinstance(document, dict):
        return {prefix or "$": document} if not isinstance(document, list) else {}
    found: dict[str, object] = {}
    for key, value in document.items():
        step = key if re.fullmatch(r"[^.\[\]\"'$\s]+", str(key)) else ""
        if not step and ("'" in str(key) or not key):
            continue
        path = f"{prefix}.{step}".lstrip(".") if step else f"{prefix}['{key}']"
        found |= flattened(value, path)
    return found


def time_format(value: object) -> str | None:
    """Say in which format a time is written; None if it is not a time."""
    number = number_of(value)
    if number is not None:
        for unit, per_second in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
            if 1e9 <= number / per_second < 4e9:  # noqa: PLR2004 - the years 2001 to 2096
                return unit
        return None
    return "rfc3339" if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value) else None
