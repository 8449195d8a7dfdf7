"""The column options shared by every command that reads recordings."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdetect.offline.recordings.reading import read
from streamdetect.offline.recordings.recording import Layout
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.offline.recordings.recording import Recording

_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}
_HEADERS = {"auto": None, "yes": True, "no": False}


def add_arguments(parser: ArgumentParser, option: str | None = None) -> None:
    """Add DATA…, behind an option if one is given, and the options that say how it is laid out."""
    named: dict[str, Any] = {"dest": "data", "required": True} if option else {}
    parser.add_argument(
        option or "data",
        metavar="DATA",
        nargs="+",
        type=Path,
        help="CSV file (.gz too) or .npz archive; one or several",
        **named,
    )
    group = parser.add_argument_group(
        "columns of DATA",
        "Found out where not given: the delimiter, whether there is a header, the time column by its name; "
        "every other numeric column is a feature. Columns are given by name or by number, 1 = the first.",
    )
    group.add_argument(
        "--columns", metavar="A,B", type=_names, help="value columns [every other numeric column]"
    )
    group.add_argument("--per-column", action="store_true", help="each value column is a sensor of its own")
    group.add_argument(
        "--sensor-column", metavar="NAME", help="long format: this column names each row's sensor"
    )
    group.add_argument(
        "--time-column",
        metavar="NAME",
        help="`none`: no times, a reading every --step seconds [found by name]",
    )
    group.add_argument(
        "--time-format",
        metavar="FORMAT",
        default="auto",
        type=_time_format,
        help="auto (ISO 8601 or Unix seconds), iso, s, ms, us, ns, or as %%d.%%m.%%Y %%H:%%M; UTC if no zone",
    )
    group.add_argument(
        "--step", metavar="SECONDS", type=_positive, default=1.0, help="for --time-column none and .npz [1]"
    )
    group.add_argument(
        "--delimiter", metavar="MARK", type=_delimiter, help="a character, or `tab` [found out]"
    )
    group.add_argument("--decimal", choices=(".", ","), default=".", help="decimal mark [.]")
    group.add_argument("--header", choices=_HEADERS, default="auto", help="is the first row names? [auto]")
    group.add_argument("--encoding", default="utf-8-sig", help="text encoding [UTF-8]")
    group.add_argument("--arrays", metavar="PATTERN", default="*", help="arrays of an .npz, as `*__test` [*]")
    group.add_argument("--label-column", metavar="NAME", help="1 or true where an anomaly is known")
    group.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="JSON of known anomalies: {file or sensor: [[start, end], …]}, ends as times or as row numbers",
    )


def from_arguments(args: Namespace) -> list[Recording]:
    """Read the recordings that the options describe.

    Raises:
        DataError: See `read`.
    """
    layout = Layout(
        columns=args.columns,
        sensor_column=args.sensor_column,
        per_column=args.per_column,
        time_column=args.time_column,
        time_format=args.time_format,
        step=args.step,
        label_column=args.label_column,
        labels=args.labels,
        delimiter=args.delimiter,
        decimal=args.decimal,
        header=_HEADERS[args.header],
        encoding=args.encoding,
        arrays=args.arrays,
    )
    return read(args.data, layout)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise ArgumentTypeError(f"must be different names with commas between, got {text!r}")
    return names


def _time_format(text: str) -> str:
    if text not in {"auto", "iso", *PER_SECOND} and "%" not in text:
        raise ArgumentTypeError(f"must be auto, iso, s, ms, us, ns or a format with %, got {text!r}")
    return text


def _delimiter(text: str) -> str:
    mark = _DELIMITERS.get(text, text)
    if len(mark) != 1 or mark in '"\r\n':
        raise ArgumentTypeError(f"must be one character, or {', '.join(_DELIMITERS)}; got {text!r}")
    return mark


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"must be > 0, got {text}")
    return number
