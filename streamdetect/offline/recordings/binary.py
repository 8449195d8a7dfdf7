"""Parquet, Feather and workbooks to rows, by libraries that are extras."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from streamdetect.errors import DataError, StreamdetectError
from streamdetect.offline.recordings.sheet import Row, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamdetect.offline.recordings.recording import Layout

_BATCH = 65_536  # rows


def read_arrow(path: Path, kind: str, file: IO[bytes], layout: Layout) -> Sheet:
    """Return the rows of a Parquet or Feather file.

    Raises:
        DataError: The file is damaged.
        StreamdetectError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import feather, parquet  # noqa: PLC0415
    except ImportError as error:
        raise StreamdetectError(
            f"{path}: {kind} needs pyarrow: pip install 'streamdetect[recordings]'"
        ) from error
    try:
        if kind == "Parquet":
            opened = parquet.ParquetFile(file)
            names, batches = opened.schema_arrow.names, opened.iter_batches(_BATCH)
        else:
            table = feather.read_table(file)
            names, batches = table.column_names, table.to_batches(_BATCH)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not valid {kind}: {error}") from error
    return Sheet(kind, _arrow_rows(names, batches), replace(layout, header=True))


def _arrow_rows(names: list[str], batches: Any) -> Iterator[Row]:  # noqa: ANN401 - pyarrow's
    yield Row(0, names)
    line = 0
    for batch in batches:
        for cells in zip(*map(_arrow_cells, batch.columns), strict=True):
            line += 1
            yield Row(line, list(cells))


def _arrow_cells(column: Any) -> list[str]:  # noqa: ANN401 - pyarrow's
    """Return a column as text: numbers as short as tells them from their neighbours, times as ISO 8601."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    try:
        return [cell or "" for cell in column.cast(pa.string()).to_pylist()]
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def read_workbook(path: Path, file: IO[bytes], layout: Layout) -> Sheet:
    """Return the rows of a sheet of a workbook of Excel or LibreOffice.

    Raises:
        DataError: The file is damaged, or has no such sheet.
        StreamdetectError: python-calamine is not installed.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - an extra
    except ImportError as error:
        needed = f"{path}: a workbook needs python-calamine: pip install 'streamdetect[recordings]'"
        raise StreamdetectError(f"{needed}, or save the sheet as CSV") from error
    try:
        book = CalamineWorkbook.from_filelike(file)
        wanted = [layout.sheet] if layout.sheet else book.sheet_names
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in wanted}
    except CalamineError as error:
        raise DataError(
            f"{path}: is not a valid workbook, or has no sheet {layout.sheet!r}: {error}"
        ) from error
    name = next((name for name, rows in sheets.items() if rows), wanted[0])
    others = [other for other in sheets if other != name]
    notes = (f"sheet {name!r}, not {', '.join(map(repr, others))}: --sheet chooses",) if others else ()
    rows = (Row(line, list(map(_cell, cells))) for line, cells in enumerate(sheets[name], 1) if any(cells))
    return Sheet("workbook", rows, layout, notes)


def _cell(value: object) -> str:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
