"""Rows of text cells, which files of any kind become first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamdetect.offline.recordings.recording import Layout


class Row(NamedTuple):
    """One row."""

    line: int
    """Where it stands in the file; 1 = the first line."""
    cells: list[str]


class Sheet(NamedTuple):
    """The rows of one file, with its header if it has one."""

    kind: str
    """The usual name of the format."""
    rows: Iterator[Row]
    layout: Layout
    """The known layout of the columns, once the format is known."""
    notes: tuple[str, ...] = ()
