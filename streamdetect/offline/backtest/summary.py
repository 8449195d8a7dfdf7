"""The summary of a backtest: numbers for each sensor and for all, as data and as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.core.readings import Outcome
from streamdetect.offline.backtest.evaluation import Counts, Evaluation, days, evaluate
from streamdetect.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.offline.backtest.results import SensorResult


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of one sensor, or of all together."""

    sensor: str
    readings: int
    dropped: int
    duplicates: int
    late: int
    windows: int
    anomalous: int
    incidents: int
    days: float
    evaluation: Evaluation | None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON shows them; an undefined number is null."""
        numbers: dict[str, Any] = {
            "sensor": self.sensor,
            "readings": self.readings,
            "dropped": self.dropped,
            "duplicates": self.duplicates,
            "late": self.late,
            "windows": self.windows,
            "anomalous_readings": self.anomalous,
            "incidents": self.incidents,
            "days": round(self.days, 6),
        }
        known = self.evaluation
        if known is not None:
            numbers["events"] = {
                "found": known.events.tp,
                "missed": known.events.fn,
                "late": known.late,
                "false_alarms": known.false,
            }
            numbers["events"] |= _rates(known.events) | {
                "cover": _number(known.cover),
                "delay_seconds": _number(known.delay),
                "again": _number(known.again.recall),
                "false_alarms_per_week": _number(known.false_alarms_per_week),
            }
            numbers["points"] = {"tp": known.points.tp, "fp": known.points.fp, "fn": known.points.fn}
            numbers["points"] |= _rates(known.points)
        return numbers


def summarise(result: SensorResult) -> Summary:
    """Summarise one sensor."""
    return Summary(
        sensor=result.recording.sensor,
        readings=len(result.recording),
        dropped=result.recording.dropped,
        duplicates=int((result.outcomes == Outcome.DUPLICATE).sum()),
        late=int((result.outcomes == Outcome.LATE).sum()),
        windows=int(np.count_nonzero(result.windows)),
        anomalous=int(result.anomalous.sum()),
        incidents=len(result.incidents),
        days=days(result.recording.times),
        evaluation=evaluate(result),
    )


def total(summaries: Sequence[Summary]) -> Summary:
    """Add up the sensors; the evaluation covers those with labels."""
    known = [summary.evaluation for summary in summaries if summary.evaluation is not None]
    return Summary(
        sensor=f"{len(summaries)} sensors",
        readings=sum(summary.readings for summary in summaries),
        dropped=sum(summary.dropped for summary in summaries),
        duplicates=sum(summary.duplicates for summary in summaries),
        late=sum(summary.late for summary in summaries),
        windows=sum(summary.windows for summary in summaries),
        anomalous=sum(summary.anomalous for summary in summaries),
        incidents=sum(summary.incidents for summary in summaries),
        days=sum(summary.days for summary in summaries),
        evaluation=reduce(add, known) if known else None,
    )


def as_json(summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return the whole backtest."""
    in_all = total(summaries).as_dict()
    del in_all["sensor"]
    return {"sensors": [summary.as_dict() for summary in summaries], "total": in_all}


def with_total(summaries: Sequence[Summary]) -> list[Summary]:
    """Return the sensors, and all of them together where there are several."""
    return [*summaries, total(summaries)] if len(summaries) > 1 else list(summaries)


def as_table(summaries: Sequence[Summary]) -> str:
    """Return lines to print: one for each sensor, then one for all."""
    lines = with_total(summaries)
    table = columns(lines)
    widths = {name: max(len(name), *map(len, cells)) for name, cells in table.items()}
    rows = [list(table), *zip(*table.values(), strict=True)]
    text = []
    for row in rows:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths.values(), strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def columns(lines: Sequence[Summary]) -> dict[str, list[str]]:
    """Return a table's columns as text; empty columns are left out."""
    table = {
        "sensor": [line.sensor for line in lines],
        "readings": [f"{line.readings:,}" for line in lines],
        "dropped": [f"{line.dropped:,}" for line in lines],
        "not in order": [f"{line.late + line.duplicates:,}" for line in lines],
        "windows": [f"{line.windows:,}" for line in lines],
        "anomalous": [f"{line.anomalous / line.readings:.1%}" if line.readings else "-" for line in lines],
        "incidents": [f"{line.incidents:,}" for line in lines],
        "a day": [f"{line.incidents / line.days:.2f}" if line.days else "-" for line in lines],
    }
    for name in ("dropped", "not in order"):
        if not any(cell != "0" for cell in table[name]):
            del table[name]
    known = [line.evaluation for line in lines]
    if any(one is not None for one in known):
        table |= _label_columns(known)
    return table


def _label_columns(known: Sequence[Evaluation | None]) -> dict[str, list[str]]:
    def column(show: Callable[[Evaluation], str]) -> list[str]:
        return ["-" if one is None else show(one) for one in known]

    return {
        "found": column(lambda one: f"{one.events.tp}/{len(one.fates)}"),
        "late": column(lambda one: str(one.late)),
        "delay": column(lambda one: "-" if math.isnan(one.delay) else duration(one.delay)),
        "cover": column(lambda one: _text(one.cover)),
        "again": column(lambda one: f"{one.again.tp}/{one.again.tp + one.again.fn}"),
        "false": column(lambda one: str(one.false)),
        "false/week": column(lambda one: _text(one.false_alarms_per_week)),
        "F1": column(lambda one: _text(one.events.f1)),
    }


def duration(seconds: float) -> str:
    """Write a length of time as two units at most: 45 s, 12 min 5 s, 3 h 20 min, 2 d 4 h."""
    for large, unit, small, part in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if seconds >= large:
            whole, rest = divmod(round(seconds / small), round(large / small))
            return f"{whole} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds:.3g} s"


def _rates(counts: Counts) -> dict[str, float | None]:
    return {name: _number(getattr(counts, name)) for name in ("precision", "recall", "f1")}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _text(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
