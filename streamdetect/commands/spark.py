"""`streamdetect spark`."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from streamdetect import logs
from streamdetect.commands.config_option import add_config
from streamdetect.config import load
from streamdetect.spark import doctor, job
from streamdetect.spark.driving import drive
from streamdetect.spark.refusals import refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the commands of `streamdetect spark`."""
    commands = parser.add_subparsers(metavar="run | rescale | doctor", required=True, dest="spark_command")
    run_ = commands.add_parser(
        "run", help="run the detectors: read messages from NATS or Kafka, send events, serve metrics"
    )
    rescale = commands.add_parser(
        "rescale", help="change the number of partitions of the state; nothing may run meanwhile"
    )
    rescale.add_argument("partitions", metavar="N", type=_count, help="the new number of partitions")
    doctor_ = commands.add_parser("doctor", help="check this machine, NATS or Kafka, and the configuration")
    for one in (run_, rescale, doctor_):
        add_config(one, "the configuration", required=True)
    for one in (run_, rescale):
        add_spark_arguments(one)
    run_.add_argument(
        "--partitions",
        metavar="N",
        type=_count,
        help="the number of partitions of a new checkpoint [Spark's default, 200]",
    )


def add_spark_arguments(parser: ArgumentParser) -> None:
    """Add the options that say where Spark is."""
    parser.add_argument(
        "--master",
        metavar="URL",
        help="where Spark runs: local[2], spark://host:7077 [as spark-submit is told]",
    )
    parser.add_argument(
        "--conf",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a setting of Spark; may be repeated",
    )


def run(args: Namespace) -> int:
    """Run the chosen command."""
    config = load(args.config)
    logs.set_up(config.logging.level, config.logging.format)
    if args.spark_command == "doctor":
        findings = list(doctor.examine(config))
        sys.stdout.writelines(f"{'ok ' if one.ok else 'NOT'}  {one.text}\n" for one in findings)
        return 0 if all(one.ok for one in findings) else 1
    refuse(config)
    settings = dict(args.conf)
    if args.spark_command == "rescale":
        spark = job.session(args.master, settings)
        job.rescale(spark, str(config.spark.checkpoint), args.partitions)
        sys.stdout.write(f"{config.spark.checkpoint}: {args.partitions} partitions\n")
        spark.stop()
        return 0
    if args.partitions:
        settings["spark.sql.shuffle.partitions"] = str(args.partitions)
    drive(job.session(args.master, settings), args.config.read_text(), config)
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"must be >= 1, got {text}")
    return number


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.startswith("spark.") and equals):
        raise ArgumentTypeError(f"must be like spark.executor.memory=4g, got {text}")
    return name, value
