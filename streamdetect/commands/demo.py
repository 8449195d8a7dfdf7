"""`streamdetect demo`."""

from __future__ import annotations

import logging
import math
import sys
import time
from argparse import ArgumentTypeError
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from streamdetect import logs
from streamdetect.commands.broker_options import add_broker_arguments, broker_from
from streamdetect.demo import settings
from streamdetect.demo.broker import EmbeddedBroker
from streamdetect.demo.feed import PATIENCE, Feed, Pace
from streamdetect.demo.plant import Plant
from streamdetect.demo.running import Demo
from streamdetect.demo.screen import LiveScreen, PlainScreen
from streamdetect.demo.summary import clock, tabulate
from streamdetect.errors import ConfigError, StreamdetectError
from streamdetect.mqtt.publisher import Publisher

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from streamdetect.demo.plant import Injection

_DEMO_SPEED = 100.0
_PLANT_SPEED = 10.0  # a reading a second of each sensor
_MOST_SENSORS = 1000
_QOS = 1
_AGAIN = 5.0  # s before the plant tries a lost broker again


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect demo`."""
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=math.inf,
        metavar="N",
        help="stop after so many seconds [run until Ctrl-C]",
    )
    parser.add_argument(
        "--sensors", metavar="N", type=_count, default=24, help="how many sensors the plant has [%(default)s]"
    )
    parser.add_argument(
        "--seed", metavar="N", type=_seed, default=0, help="the seed of the plant's randomness [%(default)s]"
    )
    parser.add_argument(
        "--speed",
        type=_positive,
        metavar="N",
        help=f"how many times as fast as real time the plant runs [{_DEMO_SPEED:g}; with --plant-only "
        f"{_PLANT_SPEED:g}]",
    )
    parser.add_argument("--plain", action="store_true", help="print lines instead of a live table")
    parser.add_argument("--page", action="store_true", help="also serve the live page, and print its address")
    parser.add_argument(
        "--print-config", action="store_true", help="print the configuration that the demo uses, and stop"
    )
    group = parser.add_argument_group("only the plant, for a broker and a daemon of your own")
    group.add_argument(
        "--plant-only", action="store_true", help="publish the simulated plant and do nothing else"
    )
    add_broker_arguments(group)


def run(args: Namespace) -> int:
    """Run the demo; 0 if every injected fault was found, 1 otherwise."""
    if args.print_config:
        sys.stdout.write(settings.text(page=args.page))
        return 0
    logs.set_up("warning", "text")
    if args.plant_only:
        return _publish_plant(args)
    console = Console(highlight=False)
    with EmbeddedBroker() as broker, TemporaryDirectory(prefix="streamdetect-") as state:
        demo = Demo(
            broker.port,
            Path(state),
            sensors=args.sensors,
            seed=args.seed,
            speed=args.speed or _DEMO_SPEED,
            seconds=args.seconds,
            page=args.page,
        )
        live = console.is_terminal and not args.plain
        with LiveScreen(demo, console) if live else PlainScreen(demo, console) as screen:
            logs.set_up("warning", "text")  # anew: a live screen has taken over stderr
            demo.tell = screen.tell
            with _without_incidents():  # the screen shows them
                demo.run()
    outcome = demo.outcome()
    console.print()
    console.print(tabulate(outcome))
    console.print()
    console.print(str(outcome))
    return 1 if outcome.missed else 0


@contextmanager
def _without_incidents() -> Iterator[None]:
    """Keep incidents out of the log."""
    own = logging.getLogger("streamdetect.sinks.log")
    own.disabled = True
    try:
        yield
    finally:
        own.disabled = False


def _publish_plant(args: Namespace) -> int:
    """Publish the plant for these seconds or until Ctrl-C, even when the broker is lost."""

    def begun(one: Injection) -> None:
        sys.stdout.write(f"{clock(one.started)}  {one.fault.kind.name} in {one.sensor}\n")
        sys.stdout.flush()

    broker = broker_from(args)
    plant = Plant(args.sensors, args.seed, begun=begun)
    feed = Feed(plant, Pace(args.speed or _PLANT_SPEED, 0, math.inf), seconds=args.seconds)
    while True:
        try:
            with Publisher(broker, _QOS, PATIENCE) as publisher:
                feed.run(publisher)
                return 0
        except ConfigError:  # trying again would not help
            raise
        except StreamdetectError as error:
            sys.stderr.write(f"streamdetect demo: {error}; again in {_AGAIN:g} s\n")
        time.sleep(_AGAIN)


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise ArgumentTypeError(f"must be > 0, got {text}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ArgumentTypeError(f"must be >= 0, got {text}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST_SENSORS:
        raise ArgumentTypeError(f"must be from 1 to {_MOST_SENSORS}, got {text}")
    return number
