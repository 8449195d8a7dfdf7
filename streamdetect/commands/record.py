"""`streamdetect record`."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentTypeError
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect import logs
from streamdetect.commands.config_option import add_config
from streamdetect.commands.spans import span
from streamdetect.config import Config, load
from streamdetect.config.quantities import size
from streamdetect.offline.recorder import Bounds, Recorder

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_BOUNDS = Bounds()


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect record`."""
    add_config(parser, "the configuration [the defaults, with a broker on localhost]")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, required=True, help="the folder to write into"
    )
    parser.add_argument(
        "--for", dest="span", metavar="SPAN", type=span, default=inf, help="how long to record [until Ctrl-C]"
    )
    parser.add_argument(
        "--format", choices=("csv", "parquet"), default="csv", help="the format of the files [%(default)s]"
    )
    parser.add_argument(
        "--file-size",
        metavar="SIZE",
        type=_size,
        default=_BOUNDS.file_bytes,
        help="the size of one file at most [64 MiB]",
    )
    parser.add_argument(
        "--keep",
        metavar="SIZE",
        type=_size,
        default=_BOUNDS.folder_bytes,
        help="the size of all files of a detector at most; the oldest are removed [2 GiB]",
    )
    parser.add_argument(
        "--features",
        metavar="A,B",
        type=lambda text: tuple(text.split(",")),
        default=(),
        help="the features of a detector with `join` that has no bundle yet",
    )


def run(args: Namespace) -> int:
    """Record until Ctrl-C or for the given time, and print how much was recorded."""
    config = load(args.config) if args.config else Config.defaults()
    logs.set_up(config.logging.level, config.logging.format)
    bounds = Bounds(args.file_size, args.keep, args.format)
    recorder = Recorder(config, args.output, bounds, features=args.features)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: recorder.stop())
    recorder.run(args.span)
    sys.stdout.write(f"{recorder.status()} in {args.output}\n")
    return 0


def _size(text: str) -> int:
    try:
        return size(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
