"""The reasons why a column is not a feature: text, row numbers, ids, labels, parts of the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.offline.recordings import cells, times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_LABELS = frozenset(
    """anomaly is_anomaly anomalies anomalous changepoint label labels outlier is_outlier target class fault
    attack ground_truth alarm alert failure""".split()  # noqa: SIM905 - a list of 17 literals says no more
)
_COUNTERS = frozenset(("", *"id index idx row nr no no. # number seq entry_id record level_0".split()))  # noqa: SIM905
_TIME_PARTS = frozenset(
    """year month week day hour minute second weekday dayofweek day_of_week dayofyear day_of_year weekofyear
    quarter hour_of_day is_weekend""".split()  # noqa: SIM905
)
# The names of columns that tell sensors apart.
SENSORS = frozenset(
    """sensor sensor_id sensorid sensor_name device device_id deviceid device_name dev entity entity_id topic
    node node_id mote mote_id moteid station station_id machine machine_id machineid tag tag_name tagname tags
    series channel meter meter_id probe asset asset_id metric variable location room host hostname""".split()  # noqa: SIM905
)
ROW_NUMBERS = "numbers the rows"
_COUNTING = 20  # rows that have to count up by 1 before a column of any name is taken for row numbers
_MOST_KINDS = 5  # numbers in a column that is called what labels are
_MOST_TEXT = 0.1  # share of cells that may be text in a column of numbers


class Column(NamedTuple):
    """A sample of a column of numbers."""

    name: str
    """In lower case."""
    cells: Sequence[str]
    """The cells that are not empty."""
    values: NDArray[np.float64]
    """The finite numbers among them."""
    timed: bool
    """True if the table also has a time."""

    @property
    def is_binary(self) -> bool:
        """True if it holds only 0 and 1."""
        return set(self.values.tolist()) <= {0.0, 1.0}

    @property
    def is_later_and_later(self) -> bool:
        """True if these are Unix times that never go back."""
        return all(map(times.looks_like_time, self.cells)) and bool((np.diff(self.values) >= 0).all())

    @property
    def is_grouping(self) -> bool:
        """True if it has so few numbers that they stand for kinds."""
        return len(set(self.values.tolist())) <= _MOST_KINDS

    def counts(self, least: int) -> bool:
        """Tell whether the numbers go up by 1 from row to row, for this many rows."""
        return len(self.values) >= least and bool((np.diff(self.values) == 1).all())


_RULES: dict[str, Callable[[Column], bool]] = {
    "0 and 1, known anomalies? --label-column {name}": lambda it: it.name in _LABELS and it.is_binary,
    "a few numbers, kinds of anomalies? --columns takes {name}": lambda it: (
        it.name in _LABELS and it.is_grouping
    ),
    ROW_NUMBERS: lambda it: it.counts(2 if is_counter(it.name) else _COUNTING),
    "an id": lambda it: is_counter(it.name) or (it.timed and it.name in SENSORS),
    "part of the time": lambda it: it.timed and it.name in _TIME_PARTS,
    "another time": lambda it: it.timed and it.is_later_and_later,
}
"""The reasons why a column of whole numbers is not a feature; the first reason that holds counts."""


def why_no_feature(name: str, filled: Sequence[str], form: cells.NumberFormat, *, timed: bool) -> str:
    """Return why a column is not a feature; empty if it is one.

    Args:
        name: Of the column.
        filled: Its cells that are not empty.
        form: How numbers are written.
        timed: True if the table has a time.
    """
    if not filled:
        return "empty in the rows looked at"
    if not is_numeric(filled, form):
        return _text(filled, form)
    values = cells.numbers(filled, form, cells.common_unit(filled))
    values = values[np.isfinite(values)]
    column = Column(name.lower(), filled, values, timed)
    whole = bool((values == np.round(values)).all()) or (timed and column.is_later_and_later)
    why = next((why for why, holds in _RULES.items() if holds(column)), "") if whole else ""
    return why.format(name=name)


def is_numeric(filled: Sequence[str], form: cells.NumberFormat) -> bool:
    """Tell whether nearly all cells are numbers, with the same unit or none behind them."""
    return share(filled, form, cells.common_unit(filled)) >= 1 - _MOST_TEXT


def share(filled: Sequence[str], form: cells.NumberFormat, unit: str = "") -> float:
    """Return the share of cells that are numbers."""
    return float(np.isfinite(cells.numbers(filled, form, unit)).mean()) if filled else 0.0


def is_counter(name: str) -> bool:
    """Tell whether a column has a name of row numbers or ids."""
    return name.lower() in _COUNTERS or name.lower().startswith("unnamed")


def _text(filled: Sequence[str], form: cells.NumberFormat) -> str:
    """Return why a column of text is not a feature, and how it could be one."""
    if all(map(times.looks_like_time, filled[:3])):
        return "another time"
    example = next(cell for cell in filled if not np.isfinite(form.read(cell)))
    hint, states = "", sorted(set(filled))
    if share(filled, form.with_thousands(",")) == 1:
        hint = "; --thousands , or --decimal ,"
    elif share(filled, form.with_decimal(",")) == 1:
        hint = "; --decimal ,"
    elif share(filled, form.with_decimal(",").with_thousands(".")) == 1:
        hint = "; --decimal , --thousands ."
    elif len(states) == 2 and "," not in "".join(states):  # noqa: PLR2004 - as ON and OFF
        hint = f"; --map {states[1]}=1,{states[0]}=0"
    return f"text: {example[:30]!r}{hint}"
