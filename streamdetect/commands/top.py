"""`streamdetect top`."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from streamdetect.commands.config_option import add_config
from streamdetect.commands.spans import span
from streamdetect.config import Config, load
from streamdetect.errors import StateError, StreamdetectError
from streamdetect.store.history import HISTORY, read
from streamdetect.top.daemon import Daemon, Place, place_of
from streamdetect.top.screen import Shown, render
from streamdetect.top.sensors import read as read_metrics

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from streamdetect.store.history import Incident

_SINCE = 86_400.0  # s; incidents of so long ago are shown


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect top`."""
    help_ = "the daemon's configuration: the address of its metrics, its history, its units"
    add_config(parser, help_)
    help_ = "the metrics port of another daemon, such as http://pi:9464; its incidents are not shown"
    parser.add_argument("--url", metavar="URL", help=help_)
    parser.add_argument(
        "--every", metavar="TIME", type=span, default=2.0, help="how often to refresh the table [2s]"
    )
    parser.add_argument(
        "--once", action="store_true", help="print the table once, with all sensors, and stop"
    )


def run(args: Namespace) -> int:
    """Show the table until Ctrl-C; once where there is no terminal."""
    config = load(args.config) if args.config else Config.defaults()
    directory = None if args.url else config.state.path  # of another daemon it is elsewhere
    place = Place(args.url.rstrip("/")) if args.url else place_of(config.metrics)
    watch = Watch(config, Daemon(place), directory and directory / HISTORY)
    console = Console(highlight=False)
    shown = watch.look()
    if args.once or not console.is_terminal:
        console.print(render(shown, console.width, None))
        return 0
    with suppress(KeyboardInterrupt), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(render(shown, console.width, console.height), refresh=True)
            time.sleep(args.every)
            shown = watch.look_again(shown)
    return 0


class Watch:
    """Asks a daemon, and its history, time and again."""

    def __init__(self, config: Config, daemon: Daemon, history: Path | None) -> None:
        """Prepare; nothing is asked yet."""
        self._daemon = daemon
        self._history = history
        self._units = {one.name: one.unit for one in config.detectors if isinstance(one.unit, str)}

    def look(self) -> Shown:
        """Ask for the first time.

        Raises:
            StreamdetectError: the daemon does not answer.
        """
        snapshot = read_metrics(self._daemon.metrics())
        return Shown(self._daemon.url, snapshot, None, self._incidents(), self._units, time.time())

    def look_again(self, before: Shown) -> Shown:
        """Ask again; without an answer, the last state stays, with the reason."""
        try:
            shown = self.look()
        except StreamdetectError as error:
            return before._replace(trouble=str(error), rate=None)
        more, seconds = shown.snapshot.accepted - before.snapshot.accepted, shown.now - before.now
        known = more >= 0 and seconds > 0 and not before.trouble  # it may have been started anew
        return shown._replace(rate=more / seconds if known else None)

    def _incidents(self) -> list[Incident]:
        if self._history is None:
            return []
        try:
            return read(self._history, since=time.time() - _SINCE)
        except StateError:  # none yet, or not ours to read
            return []
