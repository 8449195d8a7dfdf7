"""Columns of text cells become columns of numbers and flags."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.recordings.recording import LARGEST_VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.recording import Layout

#: Cells in which a writer says that there is no value.
MISSING = frozenset(
    (
        "",
        "nan",
        "na",
        "n/a",
        "#n/a",
        "null",
        "nil",
        "none",
        "-",
        "--",
        "?",
        "unavailable",
        "unknown",
        "missing",
    )
)
_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,(?:\d{1,2}|\d{4,})(?:[eE][-+]?\d+)?")  # not a group of three digits
_WITH_UNIT = re.compile(r"([-+]?(?:\d[\d.,']*|\.\d+)(?:[eE][-+]?\d+)?)(\s*[^\d\s.,][^\d]*)")


class BadCell(ValueError):  # noqa: N818 - carries a place; the reader of the file turns it into a DataError
    """A cell breaks a rule; `index` is its place in the column."""

    def __init__(self, index: int, rule: str) -> None:
        self.index = index
        super().__init__(rule)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The format of the numbers of a file."""

    decimal: str = "."
    thousands: str = ""
    missing: frozenset[float] = frozenset()  # numbers that stand for a missing value
    words: frozenset[str] = MISSING  # cells that do, in lower case
    states: Mapping[str, float] = field(default_factory=dict)  # numbers for states, by lower case

    @classmethod
    def of(cls, layout: Layout) -> NumberFormat:
        """Return the format that a layout asks for."""
        sentinels = [number(cell) for cell in layout.missing]
        return cls(
            decimal=layout.decimal or ".",
            thousands=layout.thousands or "",
            missing=frozenset(filter(math.isfinite, sentinels)),
            words=MISSING | {cell.strip().lower() for cell in layout.missing},
            states=layout.replace,
        )

    def with_decimal(self, mark: str) -> NumberFormat:
        """Return the same format with another decimal mark."""
        return replace(self, decimal=mark)

    def with_thousands(self, mark: str) -> NumberFormat:
        """Return the same format with a mark between groups of three digits."""
        return replace(self, thousands=mark)

    def is_missing(self, cell: str) -> bool:
        """Tell whether a cell says that there is no value."""
        return cell.strip().lower() in self.words or number(cell) in self.missing

    def read(self, cell: str) -> float:
        """Read one cell; NaN if it is not a number."""
        text = cell.strip()
        state = self.states.get(text.lower())
        if state is not None:
            return state
        if self.thousands and self.thousands in text:
            whole, mark, rest = text.partition(self.decimal)
            if not re.fullmatch(rf"[-+]?\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+", whole):
                return math.nan
            text = whole.replace(self.thousands, "") + mark + rest
        value = number(text.replace(self.decimal, "."))
        return math.nan if value in self.missing else value


def numbers(cells: Sequence[str], form: NumberFormat | None = None, unit: str = "") -> NDArray[np.float64]:
    """Turn cells into (N,) float64, NaN where a cell is not a finite number, or beyond float32.

    Args:
        cells: N of them.
        form: How numbers are written.
        unit: What follows each number.
    """
    form = form or NumberFormat()
    if unit:
        cells = [cell.strip().removesuffix(unit) for cell in cells]
    if form.decimal != "." and not form.thousands:
        cells = [cell.replace(form.decimal, ".") for cell in cells]
        form = form.with_decimal(".")
    try:
        if form.thousands or form.states:
            raise ValueError  # noqa: TRY301 - cell by cell
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        values = np.fromiter(map(form.read, cells), np.float64, len(cells))
    values[~(np.abs(values) <= LARGEST_VALUE)] = np.nan
    for sentinel in form.missing:
        values[values == sentinel] = np.nan
    return values


def number(cell: str) -> float:
    """Read one plain number; NaN if it is not one."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def common_unit(cells: Sequence[str]) -> str:
    """Return the text that follows every number of these cells, as " °C"; empty if they differ."""
    units = {match[2] if (match := _WITH_UNIT.fullmatch(cell.strip())) else "" for cell in cells}
    return units.pop() if len(units) == 1 else ""


def has_decimal_comma(cells: Sequence[str]) -> bool:
    """Tell whether cells can only be numbers if their comma is the decimal mark."""
    return any(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in cells)


def flags(cells: Sequence[str]) -> NDArray[np.bool_]:
    """Turn label cells (0, 1, true, false; empty is 0) into (N,) bool.

    Raises:
        BadCell: A cell is something else.
    """
    found = np.empty(len(cells), dtype=np.bool_)
    for index, cell in enumerate(cells):
        flag = _FLAGS.get(cell.strip().lower())
        if flag is None:
            raise BadCell(index, "is not a label: 0, 1, true or false")
        found[index] = flag
    return found
