"""`streamdetect run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect import logs
from streamdetect.commands import prefilling, recording_options
from streamdetect.commands.config_option import add_config
from streamdetect.config import Config, load
from streamdetect.service.daemon import Daemon

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect run`."""
    add_config(parser, "the configuration [the defaults, with a broker on localhost]")
    parser.add_argument(
        "--detector", metavar="NAME", help="the detector that the recordings are for [the only one]"
    )
    recording_options.add_arguments(parser, "--prefill", required=False)
    parser.usage = "%(prog)s [-c FILE] [--prefill DATA [DATA ...]] [options for DATA]"


def run(args: Namespace) -> int:
    """Run the daemon until it is told to stop."""

    def read() -> Config:
        return load(args.config) if args.config else Config.defaults()

    config = read()
    logs.set_up(config.logging.level, config.logging.format)
    daemon = Daemon(config, reload=read)
    daemon.handle_signals()
    if args.data:
        prefilling.prefill(daemon, args)
    daemon.run()
    return 0
