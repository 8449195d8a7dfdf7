"""InfluxDB's annotated CSV to rows: several tables in one file, a series for each group key."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

from streamdetect.offline.recordings.sheet import Row, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streamdetect.offline.recordings.recording import Layout

_ANNOTATIONS = ("#group", "#datatype", "#default")
_OWN = ("", "result", "table", "_start", "_stop", "_time", "_value")
_HEADER = ["series", "time", "value"]


def is_annotated(head: Sequence[str]) -> bool:
    """Tell whether these first lines are annotated CSV, or its rows without annotations."""
    first = next((line for line in head if line.strip()), "")
    return first.startswith(_ANNOTATIONS) or (first.startswith(",result,table,") and "_value" in first)


def read(lines: Iterable[str], layout: Layout) -> Sheet:
    """Return a row for each value: its series, named by measurement, tags and field; its time; the value."""
    layout = replace(
        layout,
        sensor_column=layout.sensor_column or "series",
        time_column=layout.time_column or "time",
        columns=layout.columns or ("value",),
        header=True,
    )
    return Sheet("InfluxDB annotated CSV", _rows(lines), layout)


def _rows(lines: Iterable[str]) -> Iterator[Row]:
    yield Row(0, _HEADER)
    names: list[str] | None = None
    reader = csv.reader(lines)
    for cells in reader:
        if not any(cells) or cells[0].startswith(_ANNOTATIONS):
            names = None  # the next row names the columns of another table
        elif names is None:
            names = cells
        else:
            yield from _values(reader.line_num, dict(zip(names, cells, strict=False)))


def _values(line: int, row: dict[str, str]) -> Iterator[Row]:
    """Return the values of one row of a table: one value, or of a pivoted table one for each field."""
    time = row.get("_time", "")
    tags = [
        row[name] for name in row if name not in _OWN and name not in {"_measurement", "_field"} and row[name]
    ]
    measurement = [row["_measurement"]] if row.get("_measurement") else []
    if "_value" in row:
        field = [row["_field"]] if row.get("_field") else []
        yield Row(line, ["/".join([*measurement, *tags, *field]), time, row["_value"]])
        return
    numbers = {name: row[name] for name in row if name not in _OWN and _is_number(row[name])}
    where = [*measurement, *(tag for tag in tags if not _is_number(tag))]
    for name, value in numbers.items():
        yield Row(line, ["/".join([*where, name]), time, value])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
