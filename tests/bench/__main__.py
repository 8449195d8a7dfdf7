"""Runs the benchmarks: `python tests/bench [--short] [--only SUBJECT]`; see run.sh."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from rig import earlier, history, machine  # noqa: E402 - what is beside us is found only now
from rig.run import Run  # noqa: E402
from rig.table import Row, at_least, table  # noqa: E402

SUBJECTS = (
    "training",
    "core",
    "views",
    "scorer",
    "memory",
    "metrics",
    "general",
    "end_to_end",
    "latency",
    "sinks",
    "page",
    "endurance",
)
ON_REQUEST = ("spark",)  # takes long, and needs more: see README.md
HISTORY = Path(".bench/history.jsonl")


def main() -> int:
    """Measure and print, or compare two runs; figures never make it fail."""
    args = _parser().parse_args()
    before = None
    if args.compare and len(args.compare) == 1:
        before = earlier.measure(args.compare[0], short=args.short, subjects=args.only or SUBJECTS)
    elif args.compare:
        _say(history.compare(*(history.find(args.history, name) for name in args.compare)))
        return 0
    began, machine_now = time.monotonic(), machine.describe()
    _say(", ".join(f"{name} {value}" for name, value in machine_now.items()))
    _say(f"load before: {machine.load():.2f}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bundles = args.bundles or Path(folder, "bundles")
        bundles.mkdir(parents=True, exist_ok=True)
        run = Run(Path(folder), bundles, short=args.short)
        rows = [row for subject in args.only or SUBJECTS for row in _rows(subject, run)]
    _say("\n" + table(rows) + "\n")
    history.append(args.history, machine_now, "short" if args.short else "full", rows)
    if before:
        _say(history.compare(before, history.find(args.history, "-1")) + "\n")
    goals = [row for row in rows if row.goal.is_one]
    met = sum(row.verdict == "ok" for row in goals)
    _say(f"{time.monotonic() - began:.0f} s; a line in {args.history}")
    _say(f"bench: {met} of {len(goals)} goals met")
    return 0


def _rows(subject: str, run: Run) -> list[Row]:
    """A subject's rows; one that fails is a row that falls short."""
    began = time.monotonic()
    try:
        rows = list(importlib.import_module(f"rows.{subject}").rows(run))
    except Exception as error:  # noqa: BLE001 - the other subjects go on
        traceback.print_exc()
        rows = [Row(subject, "failed", type(error).__name__, float("nan"), at_least(1))]
    _say(f"{subject}: {time.monotonic() - began:.0f} s")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="How fast it is, as ratios.")
    parser.add_argument("--short", action="store_true", help="in under 5 minutes")
    parser.add_argument(
        "--only", action="append", choices=SUBJECTS + ON_REQUEST, help="this subject, and others so named"
    )
    parser.add_argument(
        "--bundles", type=Path, help="keep the trained bundles there, and take them from there"
    )
    parser.add_argument("--history", type=Path, default=HISTORY, help="where runs are noted [%(default)s]")
    parser.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="a commit: its own rows are measured first, then these, and held against each other; "
        "or two runs of the history, lines or commits, and nothing is run",
    )
    return parser


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    sys.exit(main())
