"""The options shared by every command that reads recordings."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from streamdetect.codecs.series import SeriesSettings
from streamdetect.commands.numbers import positive
from streamdetect.commands.spans import span
from streamdetect.offline.recordings import Layout, describe, queries, read, times, with_features
from streamdetect.offline.recordings.normal import normal
from streamdetect.offline.recordings.series import as_series

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup
    from collections.abc import Sequence

    from streamdetect.offline.recordings import Recording

_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}
_HEADERS = {"auto": None, "yes": True, "no": False}


def add_arguments(parser: ArgumentParser, option: str | None = None, *, required: bool = True) -> None:
    """Add DATA…, behind an option if one is given, and the options that say how it is laid out."""
    named: dict[str, Any] = {"dest": "data", "required": required} if option else {}
    parser.add_argument(
        option or "data",
        metavar="DATA",
        nargs="+",
        type=_data,
        help="files or folders of CSV, JSON, Parquet, XLSX or .npz, compressed or not; - reads the "
        "standard input; prometheus://host:9090/?query=…&since=7d and influxdb://host:8086/?org=…&query=… "
        "query a server",
        **named,
    )
    group = parser.add_argument_group(
        "columns of DATA",
        "What is not given is detected and reported. A column has a name or a number; 1 is the first.",
    )
    _add_columns(group)
    _add_times(group)
    _add_text(parser.add_argument_group("format of DATA"))


def _add_columns(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--columns",
        metavar="A,B",
        type=_names,
        help="the value columns [every numeric column that is a measurement]",
    )
    group.add_argument("--per-column", action="store_true", help="each value column is a sensor of its own")
    group.add_argument(
        "--sensor-column",
        metavar="NAME",
        help="the column, or several with commas between, that names the sensor of each row (long format); "
        "`none`: all rows are of one sensor",
    )
    group.add_argument(
        "--sensor", metavar="ID", help="all files are of this sensor [each file is a sensor of its own]"
    )
    group.add_argument(
        "--label-column", metavar="NAME", help="the column that is 1 or true in known anomalies"
    )
    group.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="JSON of known anomalies: {file or sensor: [[start, end], …]}, as times or row numbers",
    )
    group.add_argument(
        "--allow-loss",
        action="store_true",
        help="continue although most rows are late, repeated or incomplete",
    )


def _add_times(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--time-column",
        metavar="NAME",
        help="the column of times, or two of date and time of day with a comma between; `none`: there are no "
        "times, and a reading comes every --step seconds [detected by name]",
    )
    group.add_argument(
        "--time-format",
        metavar="FORMAT",
        default="auto",
        type=_time_format,
        help=f"{', '.join(times.FORMATS)}, or a format such as %%d.%%m.%%Y %%H:%%M [auto]",
    )
    group.add_argument(
        "--time-zone", metavar="ZONE", help="the zone of times without one, such as Europe/Berlin [UTC]"
    )
    group.add_argument(
        "--step",
        metavar="SECONDS",
        type=positive,
        default=1.0,
        help="between two readings, for --time-column none and .npz [1]",
    )
    group.add_argument("--sort", action="store_true", help="sort the rows of each sensor by time")
    group.add_argument(
        "--difference",
        choices=("increase", "rate"),
        help="turn counters into differences, like the detector's option `difference`",
    )
    group.add_argument(
        "--resample",
        metavar="SPAN",
        type=span,
        help="put readings into equal steps such as 60s, like the detector's option `resample`",
    )


def _add_text(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--delimiter",
        metavar="MARK",
        type=_delimiter,
        help="between two columns: a character, or `tab` [detected]",
    )
    group.add_argument("--decimal", choices=(".", ","), help="the decimal mark [detected]")
    group.add_argument("--thousands", metavar="MARK", help="the mark between groups of three digits [none]")
    group.add_argument(
        "--na", metavar="A,B", type=_names, default=(), help="cells that mean no value, such as --na=-999,off"
    )
    group.add_argument(
        "--map", metavar="A=1,B=0", type=_states, default={}, help="numbers for states, such as ON=1,OFF=0"
    )
    group.add_argument(
        "--skip", metavar="N", type=int, help="how many lines to skip before the header [detected]"
    )
    group.add_argument(
        "--header", choices=_HEADERS, default="auto", help="whether the first row holds names [auto]"
    )
    group.add_argument(
        "--encoding", metavar="NAME", help="the encoding of text [UTF-8, or UTF-16 where a file is that]"
    )
    group.add_argument(
        "--sheet", metavar="NAME", help="the sheet of a workbook [the first that is not empty]"
    )
    group.add_argument(
        "--arrays", metavar="PATTERN", default="*", help="which arrays of an .npz, such as `*__test` [*]"
    )


def from_arguments(
    args: Namespace, features: Sequence[str] = (), whose: str = "", *, partial: bool = False
) -> list[Recording]:
    """Read the recordings that the options describe, and print how they were understood to stderr.

    Args:
        args: The options.
        features: Names of those that every recording has to have; by default they may differ.
        whose: Who needs these features, for the error message.
        partial: Keep readings in which some, but not all, values are missing.

    Raises:
        DataError: See `read` and `with_features`.
    """
    found = as_series(read_all(args.data, replace(layout_from(args), partial=partial)), _series_from(args))
    if features:
        found = with_features(found, features, whose)
    sys.stderr.write("\n".join(describe(found)) + "\n")
    return found


def _series_from(args: Namespace) -> SeriesSettings:
    return SeriesSettings(difference=args.difference, resample=args.resample)


def normal_from_arguments(args: Namespace) -> list[Recording]:
    """Read recordings to train on: of the same features, and without what is known to be anomalous.

    Raises:
        DataError: See `read`; or their features differ.
    """
    found = as_series(read_all(args.data, layout_from(args)), _series_from(args))
    found = with_features(found, found[0].features, found[0].name)
    sys.stderr.write("\n".join(describe(found)) + "\n")
    left_out = sum(int(one.labels.sum()) for one in found if one.labels is not None)
    if left_out:
        sys.stderr.write(f"  labels    {left_out:,} readings known to be anomalous are left out\n")
    return normal(found)


def read_all(data: Sequence[Path | str], layout: Layout) -> list[Recording]:
    """Read files, and the answers to queries.

    Raises:
        DataError: See `read`; or a query has no answer.
    """
    with TemporaryDirectory(prefix="streamdetect-") as folder:
        paths = []
        for at, one in enumerate(data):
            if isinstance(one, str):
                answers = Path(folder, str(at))
                answers.mkdir()
                one = queries.fetch(one, answers)  # noqa: PLW2901 - the answer for the question
            paths.append(one)
        return read(paths, layout)


def layout_from(args: Namespace) -> Layout:
    """The layout of the files, as the options give it."""
    return Layout(
        columns=args.columns,
        sensor=args.sensor,
        sensor_column=args.sensor_column,
        per_column=args.per_column,
        time_column=args.time_column,
        time_format=args.time_format,
        time_zone=args.time_zone,
        step=args.step,
        label_column=args.label_column,
        labels=args.labels,
        delimiter=args.delimiter,
        decimal=args.decimal,
        thousands=args.thousands,
        missing=args.na,
        replace=args.map,
        skip=args.skip,
        header=_HEADERS[args.header],
        encoding=args.encoding,
        sheet=args.sheet,
        arrays=args.arrays,
        sort=args.sort,
        allow_loss=args.allow_loss,
    )


def _data(text: str) -> Path | str:
    return text if queries.is_query(text) else Path(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise ArgumentTypeError(f"must be different names with commas between, got {text!r}")
    return names


def _states(text: str) -> dict[str, float]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        return {state.strip().lower(): float(number) for state, _, number in pairs}
    except ValueError:
        raise ArgumentTypeError(f"must be states and numbers like ON=1,OFF=0, got {text!r}") from None


def _time_format(text: str) -> str:
    if text not in times.FORMATS and "%" not in text:
        raise ArgumentTypeError(f"must be {', '.join(times.FORMATS)} or a format with %, got {text!r}")
    return text


def _delimiter(text: str) -> str:
    mark = _DELIMITERS.get(text, text)
    if len(mark) != 1 or mark in '"\r\n':
        raise ArgumentTypeError(f"must be one character, or {', '.join(_DELIMITERS)}; got {text!r}")
    return mark
