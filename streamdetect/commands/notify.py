"""`streamdetect notify`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from streamdetect.commands.config_option import add_config
from streamdetect.config import load
from streamdetect.errors import StreamdetectError
from streamdetect.sinks import workers
from streamdetect.sinks.events import example
from streamdetect.sinks.sink import FailedError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect notify`."""
    add_config(parser, "the daemon's configuration", required=True)
    parser.add_argument(
        "--test",
        action="store_true",
        required=True,
        help="send a test event to every sink except the broker",
    )
    parser.add_argument("--only", metavar="NAME", help="only to this sink")


def run(args: Namespace) -> int:
    """Send a test event to each sink, whichever events it chooses, and print how it went."""
    config = load(args.config)
    chosen = [one for one in workers(config) if args.only in {None, one.name}]
    if not chosen:
        raise StreamdetectError(
            f"{args.config}: must have a sink to test" + (f" named {args.only}" if args.only else "")
        )
    event, failed = example(config.event_source, time.time()), 0
    for one in chosen:
        try:
            one.deliver(event)
        except (FailedError, RefusedError, UnavailableError) as error:
            failed += 1
            sys.stdout.write(f"{one.name}: FAILED: {error}\n")
        else:
            sys.stdout.write(f"{one.name}: delivered\n")
    return 1 if failed else 0
