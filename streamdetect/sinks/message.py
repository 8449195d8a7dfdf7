"""One sentence about a sensor, in its unit: for people, on whatever channel.

freezer −9.1 °C, usually −19.3 to −16.8, rising for 2 h
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, inf, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400  # s
_DIGITS = 3  # significant ones of a value that has no band to measure it by
_MOST_DECIMALS = 9
_TRENDS = {"up": "rising", "down": "falling"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a sentence; None where one is not known."""

    edge: str  # opened, updated, closed, regime_changed
    sensor: str
    values: Mapping[str, float]  # the newest reading, by feature
    seconds: float  # for which it has lasted
    score: float
    reason: str = ""  # why it closed
    kind: str | None = None
    direction: str | None = None  # up, down
    feature: str | None = None  # that it is about
    worst: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    recurs: float | None = None  # about the s after which it comes back, as it did before
    held: float | None = None  # s for which the value was the same, nothing was heard, or a cycle took
    most: float | None = None  # s for which that ever was so before
    limit: float | None = None  # that the worst value was beyond

    @property
    def value(self) -> float | None:
        """The newest value of the feature that it is about; None if it is about several."""
        if self.feature is not None:
            return self.values.get(self.feature)
        return next(iter(self.values.values())) if len(self.values) == 1 else None


def sentence(facts: Facts) -> str:
    """Write the sentence; a number that is not finite is not known."""
    facts = _known(facts)
    if facts.edge == "regime_changed":
        return f"{_name(facts)} {_value(facts)} is the new normal".replace("  ", " ")
    if facts.edge == "closed":
        return _ENDS.get(facts.reason, _recovered)(facts) + _next(facts)
    return _BEGINNINGS.get(facts.kind or "", _unusual)(facts) + _unlike(facts)


def drift_sentence(sensor: str, ratio: float) -> str:
    """Write that a model fits a sensor worse, and what to do."""
    return (
        f"{sensor}: the model fits worse than it did, its usual error is {ratio:.1f} times that of the first "
        "week; train another one"
    )


def _known(facts: Facts) -> Facts:
    return replace(
        facts,
        values={name: value for name, value in facts.values.items() if isfinite(value)},
        worst=_finite(facts.worst),
        expected=_finite(facts.expected),
        lower=_finite(facts.lower),
        upper=_finite(facts.upper),
        held=_finite(facts.held),
        most=_finite(facts.most),
        limit=_finite(facts.limit),
    )


def _next(facts: Facts) -> str:
    if facts.recurs is None:
        return ""
    return (
        f". This comes back {_every(facts)} and is told from now on only if it goes further or lasts longer"
    )


def _unlike(facts: Facts) -> str:
    if facts.recurs is None:
        return ""
    return f"; this goes further or lasts longer than what comes back {_every(facts)}"


def _every(facts: Facts) -> str:
    return "about every " + ("day" if facts.recurs == _DAY else duration(facts.recurs or 0.0))


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def duration(seconds: float) -> str:
    """Write seconds as people do: `45 s`, `20 min`, `1 h 30 min`, `3 d`."""
    if round(seconds) < _MINUTE:
        return f"{max(seconds, 0.0):.0f} s"
    if (minutes := round(seconds / _MINUTE)) < _HOUR // _MINUTE:
        return f"{minutes} min"
    if minutes < _DAY // _MINUTE:
        return _two(*divmod(minutes, 60), "h", "min")
    return _two(*divmod(round(seconds / _HOUR), 24), "d", "h")


def _two(large: int, small: int, unit: str, smaller: str) -> str:
    return f"{large} {unit}" + (f" {small} {smaller}" if small else "")


def number(value: float, decimals: int) -> str:
    """Write a number with a real minus sign."""
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def decimals_of(facts: Facts) -> int:
    """Return as many decimals as tell the band's edges apart, and no more."""
    if 0 < (width := _width(facts)) < inf:
        return _clipped(1 - floor(log10(width)))
    value = abs(facts.value or 0.0)
    return _clipped(_DIGITS - 1 - floor(log10(value))) if value else 0


def _width(facts: Facts) -> float:
    """Return the width of the band; with one edge, twice from the middle to it; 0 = not known."""
    lower, upper, middle = facts.lower, facts.upper, facts.expected
    if lower is not None and upper is not None:
        return upper - lower
    bound = lower if upper is None else upper
    return 2 * abs(bound - middle) if bound is not None and middle is not None else 0.0


def _clipped(decimals: int) -> int:
    return min(max(decimals, 0), _MOST_DECIMALS)


def _name(facts: Facts) -> str:
    several = facts.feature is not None and len(facts.values) > 1
    return f"{facts.sensor} {facts.feature}" if several else facts.sensor


def _value(facts: Facts, value: float | None = None) -> str:
    value = facts.value if value is None else value
    if value is None:
        return ""
    return f"{number(value, decimals_of(facts))} {facts.unit}".rstrip()


def _band(facts: Facts) -> str:
    lower, upper, decimals = facts.lower, facts.upper, decimals_of(facts)
    if lower is not None and upper is not None:
        return f", usually {number(lower, decimals)} to {number(upper, decimals)}"
    if upper is not None:
        return f", usually at most {number(upper, decimals)}"
    if lower is not None:
        return f", usually at least {number(lower, decimals)}"
    return f", usually {number(facts.expected, decimals)}" if facts.expected is not None else ""


def _since(facts: Facts, trend: str = "") -> str:
    if round(facts.seconds) <= 0:
        return f", {trend}" if trend else ""
    return f", {trend} for {duration(facts.seconds)}".replace("  ", " ")


def _head(facts: Facts) -> str:
    return f"{_name(facts)} {_value(facts)}".rstrip()


def _unusual(facts: Facts) -> str:
    """Describe a model's error, of which only the size is known."""
    if facts.lower is not None or facts.expected is not None:
        return f"{_head(facts)}{_band(facts)}{_since(facts)}"
    return f"{_head(facts)}: unusual pattern, {facts.score:.1f} times the limit{_since(facts)}"


def _shape(facts: Facts) -> str:
    if facts.feature is not None and len(facts.values) > 1:
        return f"{facts.sensor}: unusual pattern, {facts.feature} most{_since(facts)}"
    return f"{_head(facts)}: unusual pattern{_since(facts)}"


def _spike(facts: Facts) -> str:
    head = f"{_name(facts)} {_value(facts, facts.worst)}".rstrip()
    return f"{head}{_band(facts)}"


def _drift(facts: Facts) -> str:
    return f"{_head(facts)}{_band(facts)}{_since(facts, _TRENDS.get(facts.direction or '', ''))}"


def _level(facts: Facts) -> str:
    return f"{_head(facts)}{_band(facts)}{_since(facts)}"


def _noise(facts: Facts) -> str:
    return f"{_head(facts)} fluctuates more than usual{_since(facts)}"


# Of these two an incident begins when it became too long, not when it began.
def _stuck(facts: Facts) -> str:
    return f"{_head(facts)} has not changed for {_long(facts)}"


def _silent(facts: Facts) -> str:
    last = f", last {_value(facts)}" if _value(facts) else ""
    return f"{_name(facts)} has been silent for {_long(facts)}{last}"


def _rhythm(facts: Facts) -> str:
    return f"{_name(facts)}: a cycle takes {_long(facts)}"


def _long(facts: Facts) -> str:
    """Say how long, and how long at most before."""
    if facts.held is None:
        return "too long"
    return duration(facts.held) + (f", at most {duration(facts.most)} before" if facts.most else "")


def _limit(facts: Facts) -> str:
    limit, worst = facts.limit, facts.worst
    if limit is None or worst is None:
        return f"{_head(facts)}, beyond its limit{_since(facts)}"
    side = "above" if worst > limit else "below"
    given = f"{limit:g}".replace("-", "\N{MINUS SIGN}")
    return f"{_head(facts)}, {side} its limit of {given}{_since(facts)}"


def _rate(facts: Facts) -> str:
    how = {"up": "rises", "down": "falls"}.get(facts.direction or "", "changes")
    return f"{_head(facts)} {how} faster than it may{_since(facts)}"


_BEGINNINGS: dict[str, Callable[[Facts], str]] = {
    "spike": _spike,
    "level": _level,
    "drift": _drift,
    "noise": _noise,
    "shape": _shape,
    "stuck": _stuck,
    "silent": _silent,
    "limit": _limit,
    "rate": _rate,
    "rhythm": _rhythm,
}


def _recovered(facts: Facts) -> str:
    if facts.kind == "silent":
        after = facts.seconds if facts.held is None else facts.held
        return f"{_name(facts)} is heard again after {duration(after)}{_now(facts)}"
    if facts.kind == "stuck":
        return f"{_name(facts)} changes again after {duration(facts.seconds)}{_now(facts)}"
    if facts.kind == "rhythm":
        return f"{_name(facts)} is back to its rhythm after {duration(facts.seconds)}"
    worst = f", at worst {_value(facts, facts.worst)}" if facts.worst is not None else ""
    return f"{_name(facts)} is back to normal after {duration(facts.seconds)}{_now(facts)}{worst}"


def _now(facts: Facts) -> str:
    value = _value(facts)
    return f": {value}" if value else ""


def _accepted(facts: Facts) -> str:
    return f"{_name(facts)}{_now(facts)} after {duration(facts.seconds)}, taken for the new normal"


def _said_normal(facts: Facts) -> str:
    return f"{_name(facts)}{_now(facts)} after {duration(facts.seconds)}, said to be normal"


def _evicted(facts: Facts) -> str:
    return f"{_name(facts)} has been silent for too long and is forgotten; its incident ends"


def _excluded(facts: Facts) -> str:
    return f"{_name(facts)} is excluded from now on; its incident ends"


def _restarted(facts: Facts) -> str:
    return f"{_name(facts)}: its detector was changed and begins afresh; its incident ends"


_ENDS: dict[str, Callable[[Facts], str]] = {
    "recovered": _recovered,
    "regime_change": _accepted,
    "accepted": _said_normal,
    "evicted": _evicted,
    "excluded": _excluded,
    "restarted": _restarted,
}
