"""Delimited text to rows: preambles, comments, `sep=` lines and the delimiter."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from itertools import chain, islice
from typing import IO, TYPE_CHECKING

from streamdetect.offline.recordings import annotated
from streamdetect.offline.recordings.sheet import Row, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streamdetect.offline.recordings.recording import Layout

_HEAD = 200  # lines looked at
_MARKS = "\t;,| "
_HOME_ASSISTANT = {"entity_id", "state", "last_changed"}


def read(file: IO[str], layout: Layout) -> Sheet:
    """Return the rows of a text file from its header on."""
    head = list(islice(file, _HEAD))
    if annotated.is_annotated(head):
        return annotated.read(chain(head, file), layout)
    notes: list[str] = []
    start = 0
    if head and head[0].lower().startswith("sep=") and layout.delimiter is None:
        layout = replace(layout, delimiter=head[0].strip()[4:] or None)
        start = 1
    delimiter = layout.delimiter or _guess_delimiter(head[start:])
    start += _preamble(head[start:], delimiter, layout)
    if start:
        notes.append(f"{start} line{'s' * (start > 1)} before the table skipped")
    rows = _rows(chain(head[start:], file), delimiter, start)
    if "#" in head[start][:2] if start < len(head) else False:
        rows = _without_mark(rows)
    return Sheet(
        "delimited text" if delimiter != "," else "CSV", rows, _preset(head[start:], layout), tuple(notes)
    )


def _rows(lines: Iterable[str], delimiter: str, before: int) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
    for cells in reader:
        if cells:
            yield Row(before + reader.line_num, cells)


def _without_mark(rows: Iterator[Row]) -> Iterator[Row]:
    """Return the header, also where a logger marks it as a comment."""
    first = next(rows)
    yield Row(first.line, [first.cells[0].lstrip("# "), *first.cells[1:]])
    yield from rows


def _guess_delimiter(head: Sequence[str]) -> str:
    """Return the mark by which most lines have the same number of cells, more than one."""

    def agreeing(mark: str) -> int:
        widths = Counter(map(len, _parsed(head, mark)))
        return max((count for width, count in widths.items() if width > 1), default=0)

    best = max(_MARKS[:-1], key=agreeing)  # the first of equals
    blank = _MARKS[-1]  # also within dates and names: only where there is nothing else
    return best if agreeing(best) else blank if agreeing(blank) == len(_parsed(head, blank)) else ","


def _parsed(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
        return [cells for cells in reader if cells]
    except csv.Error:  # the reader of the whole file reports it with its line
        return []


def _preamble(head: Sequence[str], delimiter: str, layout: Layout) -> int:
    """Count the lines before the table."""
    if layout.skip is not None or layout.header is False:
        return layout.skip or 0
    widths = [_width(*_parsed([line], delimiter)) for line in head]
    usual, _ = Counter(width for width in widths if width).most_common(1)[0] if any(widths) else (0, 0)
    tables = [at for at, width in enumerate(widths) if width >= usual and width]
    plain = [at for at in tables if not head[at].startswith("#")]
    if not plain:
        return 0
    # A comment right before the first row of data names its columns, unless that row does.
    first = plain[0]
    named = first - 1 in tables and head[first - 1].startswith("#") and head[first][:1] in "0123456789\"'-"
    return first - 1 if named else first


def _width(cells: Sequence[str] = ()) -> int:
    """Count the cells up to the last that is not empty."""
    return max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _preset(head: Sequence[str], layout: Layout) -> Layout:
    """Return the known layout of Home Assistant's history export."""
    names = {name.strip() for name in head[0].split(",")} if head else set()
    if not names >= _HOME_ASSISTANT or layout.columns or layout.sensor_column:
        return layout
    return replace(
        layout,
        sensor_column="entity_id",
        time_column=layout.time_column or "last_changed",
        columns=("state",),
    )
