"""Rows of the table: a figure, what it is held against, the ratio of the two and its goal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """The bounds of a ratio; a goal without bounds is none."""

    least: float = -inf
    most: float = inf

    @property
    def is_one(self) -> bool:
        return (self.least, self.most) != (-inf, inf)

    def met(self, ratio: float) -> bool:
        return self.least <= ratio <= self.most

    def __str__(self) -> str:
        if not self.is_one:
            return "report"
        if self.most == inf:
            return f">= {self.least:g}"
        if self.least == -inf:
            return f"<= {self.most:g}"
        return f"{self.least:g} .. {self.most:g}"


REPORT = Goal()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `note` says what the short form scaled down, or why there is no figure."""

    name: str
    figure: str
    against: str
    ratio: float
    goal: Goal = REPORT
    note: str = ""

    @property
    def verdict(self) -> str:
        if not self.goal.is_one:
            return ""
        return "ok" if self.goal.met(self.ratio) else "short"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"goal": str(self.goal), "verdict": self.verdict}


def at_least(ratio: float) -> Goal:
    return Goal(least=ratio)


def at_most(ratio: float) -> Goal:
    return Goal(most=ratio)


def within(least: float, most: float) -> Goal:
    return Goal(least, most)


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    cells = [("what", "figure", "against", "ratio", "goal", "", "")]
    cells += [
        (row.name, row.figure, row.against, shown(row.ratio), str(row.goal), row.verdict, row.note)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def shown(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
