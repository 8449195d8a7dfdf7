"""`streamdetect state`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.commands.config_option import add_config
from streamdetect.commands.spark import add_spark_arguments
from streamdetect.config import load
from streamdetect.errors import StateError
from streamdetect.spark import job, moving, seeding

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.config import Config
    from streamdetect.store import DetectorState


def add_arguments(parser: ArgumentParser) -> None:
    """Add the commands of `streamdetect state`."""
    commands = parser.add_subparsers(metavar="export | import", required=True, dest="state_command")
    for name, text in (
        ("export", "write the state of the detectors into a file; nothing may run meanwhile"),
        ("import", "start from such a file, before the first run"),
    ):
        one = commands.add_parser(name, help=text)
        add_config(one, "the configuration", required=True)
        one.add_argument(
            "--spark",
            action="store_true",
            help="the state is the checkpoint of Spark [the state directory of the daemon]",
        )
        one.add_argument("file", metavar="STATE", type=Path, help="the file")
        if name == "export":
            add_spark_arguments(one)


def run(args: Namespace) -> int:
    """Export or import the state."""
    config = load(args.config)
    if args.state_command == "export":
        states = _from_spark(args, config) if args.spark else moving.from_daemon(_directory(config))
        args.file.write_bytes(moving.to_bytes(states))
        for state in states:
            sys.stdout.write(f"{state.name}: {len(state.detector)} sensors\n")
        return 0
    states = moving.from_bytes(args.file.read_bytes(), str(args.file))
    if args.spark:
        seeding.plant(str(config.spark.checkpoint), moving.divided(states, config.spark.shards))
    else:
        moving.to_daemon(_directory(config), states)
    for state in states:
        sys.stdout.write(f"{state.name}: {len(state.detector)} sensors\n")
    return 0


def _directory(config: Config) -> Path:
    if config.state.path is None:
        raise StateError("state.directory: is required: where the daemon keeps its state")
    return config.state.path


def _from_spark(args: Namespace, config: Config) -> list[DetectorState]:
    spark = job.session(args.master, dict(args.conf))
    try:
        return moving.joined(seeding.harvest(spark, str(config.spark.checkpoint)))
    finally:
        spark.stop()
