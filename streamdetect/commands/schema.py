"""`streamdetect schema`."""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import TYPE_CHECKING

from streamdetect import config

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect schema`."""
    parser.add_argument("what", choices=("config", "event"))


def run(args: Namespace) -> int:
    """Print the JSON Schema of the configuration file or of the events."""
    if args.what == "config":
        sys.stdout.write(json.dumps(config.schema(), indent=2) + "\n")
    else:
        sys.stdout.write(resources.files("streamdetect.sinks").joinpath("event.json").read_text("utf-8"))
    return 0
