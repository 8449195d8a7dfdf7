"""The command line: one module a command, imported only when its command is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from streamdetect import __version__
from streamdetect.errors import ConfigError, StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

EX_CONFIG = 78  # sysexits.h; the service file keeps systemd from restarting on it
INTERRUPTED = 130


class Command(NamedTuple):
    """A command's module, with `add_arguments(parser)` and `run(args)`, and its purpose."""

    module: str
    help: str
    extra: str = ""  # of the installation, without which its module cannot be imported


COMMANDS = {
    "demo": Command(
        "streamdetect.commands.demo", "run a broker, a simulated plant and the daemon, live on screen", "demo"
    ),
    "run": Command("streamdetect.commands.run", "run the daemon: MQTT in, events and metrics out"),
    "init": Command("streamdetect.commands.init", "listen to a broker and write a configuration for it"),
    "check": Command("streamdetect.commands.check", "check a configuration and its bundles"),
    "top": Command("streamdetect.commands.top", "show a running daemon's sensors as a live table", "top"),
    "incidents": Command("streamdetect.commands.incidents", "list past and open incidents"),
    "answer": Command("streamdetect.commands.answer", "mute sensors, or say whether an incident was real"),
    "notify": Command(
        "streamdetect.commands.notify", "send a test event to webhooks, files and notification services"
    ),
    "train": Command(
        "streamdetect.commands.train", "train an autoencoder on normal data and write a bundle", "train"
    ),
    "bundle": Command(
        "streamdetect.commands.bundle", "make a bundle from a Keras, ONNX or TFLite model and normal data"
    ),
    "encode": Command("streamdetect.commands.encode", "write the latent vectors of recordings as CSV"),
    "backtest": Command(
        "streamdetect.commands.backtest",
        "run recordings through the daemon's detector: CSV, pictures, report",
    ),
    "tune": Command(
        "streamdetect.commands.tune", "find the sensitivity that keeps false alarms below a rate"
    ),
    "retrain": Command(
        "streamdetect.commands.retrain", "train another model, and activate it if it is better"
    ),
    "versions": Command("streamdetect.commands.versions", "list the versions of a bundle, or go back by one"),
    "record": Command(
        "streamdetect.commands.record", "record the readings that the detectors receive into files"
    ),
    "replay": Command("streamdetect.commands.replay", "publish recordings over MQTT"),
    "bench": Command(
        "streamdetect.commands.bench", "measure how many messages a second this machine handles"
    ),
    "spark": Command(
        "streamdetect.commands.spark", "run the same detectors on Apache Spark, on several machines", "spark"
    ),
    "state": Command(
        "streamdetect.commands.state", "move the state of detectors from a daemon to Spark, or back", "spark"
    ),
    "schema": Command(
        "streamdetect.commands.schema", "print the JSON Schema of the configuration or of events"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 it failed, 2 unknown options, 78 the configuration is wrong, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(argv).parse_args(argv)
        status: int = args.run(args)
        sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"streamdetect: {problem}\n")
        return EX_CONFIG
    except StreamdetectError as error:
        sys.stderr.write(f"streamdetect: {error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamdetect",
        description="Finds anomalies in live sensor data: MQTT in, an autoencoder and a rolling threshold, "
        "events and Prometheus metrics out.",
    )
    parser.add_argument("--version", action="version", version=f"streamdetect {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name, help=command.help, description=f"{command.help[0].upper()}{command.help[1:]}."
        )
        if argv[:1] == [name]:
            module = _load(name, command)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _load(name: str, command: Command) -> ModuleType:
    try:
        return importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        if not command.extra:
            raise
        install = f"pip install 'streamdetect[{command.extra}]'"
        raise StreamdetectError(f"{name} needs {error.name}, which is not installed: {install}") from error
