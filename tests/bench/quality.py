"""How good the verdicts are: `bash tests/bench/quality.sh --data DIR`; see README.md beside it."""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from quality_command import add_arguments, head, note, row, show, side_by_side
from quality_data import DATA_SETS, FOLDERS, Case
from quality_errors import METRICS, RECIPES, scored
from quality_judging import Tally, changed, judge, total
from streamdetect.core.thresholds import ThresholdSettings

from streamdetect.bundles.bundle import GENERAL
from streamdetect.core.incidents import IncidentSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

THRESHOLDS: dict[str, ThresholdSettings] = {
    "rolling": ThresholdSettings(),
    "rolling-3": ThresholdSettings(sigma=3.0),
    "ewma": ThresholdSettings(kind="ewma"),
    "robust": ThresholdSettings(kind="robust"),
    "quantile": ThresholdSettings(kind="quantile"),
    "pot": ThresholdSettings(kind="pot"),
    "training": ThresholdSettings(kind="training"),
}
"""`fixed` is missing: its number is a person's, for one model."""
SETS = ("nab_dev", "smap_msl_dev", "asd_dev")
MODELS = (
    GENERAL,
    "dense-16",
    "conv-16",
    "lstm-16",
    "stacked-20",
    "bidirectional-16",
    "dropout-16",
    "masked-16",
)
SHORT_MODELS, SHORT_EVERY = (GENERAL, "dense-16"), 4
COLUMNS = (
    "data",
    "model",
    "threshold",
    "found",
    "precision",
    "recall",
    "event F1",
    "false / 10,000",
    "false / day",
    "open outside",
    "NAB",
    "low FP",
    "low FN",
    "windows/s",
)


class Job(NamedTuple):
    """One model on one data set, by each threshold."""

    data: str
    cases: list[Case]
    model: str
    thresholds: dict[str, ThresholdSettings]
    incidents: IncidentSettings
    args: argparse.Namespace


def main() -> None:
    """Print the table, and write it where asked."""
    args = _arguments()
    args.cache.mkdir(parents=True, exist_ok=True)
    lines = [*head(COLUMNS)]
    show(*lines)
    for rows in side_by_side(_rows, _jobs(args), args.processes):
        show(*rows)
        lines += rows
    if args.out:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(job: Job) -> list[str]:
    started = time.perf_counter()
    parts = [scored(case, job.model, job.args.error, job.args.cache) for case in job.cases]
    note(f"{job.data} {job.model}: errors in {time.perf_counter() - started:.0f} s")
    rows = []
    for name, threshold in job.thresholds.items():
        tallies = [
            judge(case, part, threshold, job.incidents) for case, part in zip(job.cases, parts, strict=True)
        ]
        benchmark = _nab(job.args, job.cases, tallies) if job.data == "nab_dev" else ("", "", "")
        rows.append(row([job.data, job.model, name, *_cells(total(tallies)), *benchmark, _rate(tallies)]))
        note(f"{job.data} {job.model} {name}: judged, {time.perf_counter() - started:.0f} s")
    return rows


def _cells(tally: Tally) -> list[str]:
    found, false = tally.events, tally.events.fp
    known = found.tp + found.fn
    return [
        f"{found.tp}/{known}",
        *(f"{share:.2f}" if known else "" for share in (found.precision, found.recall, found.f1)),
        f"{false / tally.readings * 1e4:.1f}",
        f"{false / tally.days:.2f}",
        f"{tally.open_outside / tally.unlabelled:.1%}",
    ]


def _rate(tallies: Sequence[Tally]) -> str:
    whole = total(tallies)
    return f"{whole.windows / whole.seconds:,.0f}"


def _nab(args: argparse.Namespace, cases: Sequence[Case], tallies: Sequence[Tally]) -> tuple[str, ...]:
    """The benchmark's three scores: a row at which an incident opens is an alarm, every other is none."""
    if args.nab_score is None:
        return ("", "", "")
    known = json.loads((args.data / "nab_dev" / "windows.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        windows = folder / "windows.json"
        windows.write_text(json.dumps({case.name: known[case.name] for case in cases}), encoding="utf-8")
        for case, tally in zip(cases, tallies, strict=True):
            scores = np.zeros(len(case.recording))
            scores[list(tally.alarms)] = 1.0
            path = folder / case.name
            path.parent.mkdir(exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("anomaly_score",), *((score,) for score in scores)])
        data = args.data / "nab_dev" / "data"
        command = [sys.executable, args.nab_score, folder, "--data", data, "--windows", windows]
        told = subprocess.run([*command, "--threshold", "0.5"], check=True, capture_output=True, text=True)
    return tuple(re.findall(r"^\w+: (\S+) at", told.stdout, re.MULTILINE))


def _jobs(args: argparse.Namespace) -> Iterator[Job]:
    changes = dict(args.set)
    thresholds = {name: changed(THRESHOLDS[name], changes) for name in args.thresholds or THRESHOLDS}
    models = args.architectures or (SHORT_MODELS if args.short else MODELS)
    for name in args.sets:
        absent = [folder for folder in FOLDERS[name] if not (args.data / folder).is_dir()]
        if absent:
            note(f"{name}: skipped, no {', '.join(absent)} in {args.data}")
            continue
        every = SHORT_EVERY if args.short else 1
        start, step = {"all": (0, 1), "even": (0, 2), "odd": (1, 2)}[args.half]
        cases = DATA_SETS[name](args.data)[start :: step * every]
        for model in models:
            yield Job(name, cases, model, thresholds, changed(IncidentSettings(), changes), args)


def _change(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in {field.name for kind in (ThresholdSettings, IncidentSettings) for field in fields(kind)}:
        raise argparse.ArgumentTypeError(f"must be a setting of thresholds or incidents, got {name}")
    return name, value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--sets", nargs="+", choices=DATA_SETS, default=SETS, metavar="SET")
    parser.add_argument("--architectures", nargs="+", choices=(GENERAL, *RECIPES), metavar="MODEL")
    parser.add_argument("--thresholds", nargs="+", choices=THRESHOLDS, metavar="KIND")
    parser.add_argument("--error", choices=METRICS, default="mae")
    parser.add_argument(
        "--set", type=_change, action="append", default=[], metavar="NAME=VALUE", help="over the defaults"
    )
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="which files")
    parser.add_argument("--short", action="store_true", help="every fourth file by two models")
    parser.add_argument(
        "--nab-score", type=Path, metavar="FILE", help="the benchmark's own scorer [../tools beside --data]"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there too")
    args = parser.parse_args()
    args.nab_score = args.nab_score or args.data.resolve().parent / "tools" / "nab_score.py"
    if not args.nab_score.is_file():
        note(f"NAB's scores: skipped, no scorer at --nab-score {args.nab_score}")
        args.nab_score = None
    return args


if __name__ == "__main__":
    main()
