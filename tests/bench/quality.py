"""How good the verdicts are: `python tests/bench/quality.py --data DIR`; see README.md beside it."""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from quality_data import DATA_SETS, FOLDERS, Case
from quality_errors import METRICS, RECIPES, scored
from quality_judging import Tally, judge, total

from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.thresholds import ThresholdSettings
from streamdetect.models.bundle import GENERAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


Settings = TypeVar("Settings", ThresholdSettings, IncidentSettings)
HERE = Path(__file__).resolve()
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


class Plan(NamedTuple):
    """What is measured: each model by each threshold on each data set."""

    cases: dict[str, list[Case]]
    models: list[str]
    thresholds: dict[str, ThresholdSettings]
    incidents: IncidentSettings


def main() -> None:
    """Print the table, and write it where asked."""
    args = _arguments()
    plan = _plan(args)
    args.cache.mkdir(parents=True, exist_ok=True)
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    _print(*lines)
    for row in _rows(plan, args):
        lines.append("| " + " | ".join(row) + " |")
        _print(lines[-1])
    if args.out:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _print(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _rows(plan: Plan, args: argparse.Namespace) -> Iterator[list[str]]:
    for data, cases in plan.cases.items():
        for model in plan.models:
            started = time.perf_counter()
            parts = [scored(case, model, args.error, args.cache) for case in cases]
            _note(f"{data} {model}: errors in {time.perf_counter() - started:.0f} s")
            for name, threshold in plan.thresholds.items():
                tallies = [
                    judge(case, part, threshold, plan.incidents)
                    for case, part in zip(cases, parts, strict=True)
                ]
                benchmark = _nab(args, cases, tallies) if data == "nab_dev" else ("", "", "")
                yield [data, model, name, *_cells(total(tallies)), *benchmark, _rate(tallies)]


def _cells(tally: Tally) -> list[str]:
    found, false = tally.events, tally.events.fp
    return [
        f"{found.tp}/{found.tp + found.fn}",
        _number(found.precision if found.tp + found.fn else math.nan),
        _number(found.recall),
        _number(found.f1 if found.tp + found.fn else math.nan),
        f"{false / tally.readings * 1e4:.1f}",
        _number(false / tally.days),
        f"{tally.open_outside / tally.unlabelled:.1%}",
    ]


def _rate(tallies: Sequence[Tally]) -> str:
    whole = total(tallies)
    return f"{whole.windows / whole.seconds:,.0f}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


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


def _plan(args: argparse.Namespace) -> Plan:
    cases = {}
    for name in args.sets:
        absent = [folder for folder in FOLDERS[name] if not (args.data / folder).is_dir()]
        if absent:
            _note(f"{name}: skipped, no {', '.join(absent)} in {args.data}")
            continue
        every = SHORT_EVERY if args.short else 1
        start, step = {"all": (0, 1), "even": (0, 2), "odd": (1, 2)}[args.half]
        cases[name] = DATA_SETS[name](args.data)[start :: step * every]
    models = args.architectures or (SHORT_MODELS if args.short else (GENERAL, *RECIPES))
    thresholds = {name: _changed(THRESHOLDS[name], args.set) for name in args.thresholds or THRESHOLDS}
    return Plan(cases, list(models), thresholds, _changed(IncidentSettings(), args.set))


def _changed(settings: Settings, changes: Sequence[tuple[str, str]]) -> Settings:
    """The same with those of the changes that it has a field for."""
    known: dict[str, type] = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    return replace(settings, **{name: known[name](value) for name, value in changes if name in known})


def _change(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in {field.name for kind in (ThresholdSettings, IncidentSettings) for field in fields(kind)}:
        raise argparse.ArgumentTypeError(f"must be a setting of thresholds or incidents, got {name}")
    return name, value


def _arguments() -> argparse.Namespace:
    near = Path(os.environ.get("STREAMDETECT_DATA", HERE.parents[3] / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=near, help="folder of the recorded data sets [%(default)s]"
    )
    parser.add_argument("--sets", nargs="+", choices=DATA_SETS, default=list(DATA_SETS), metavar="SET")
    parser.add_argument("--architectures", nargs="+", choices=(GENERAL, *RECIPES), metavar="MODEL")
    parser.add_argument("--thresholds", nargs="+", choices=THRESHOLDS, metavar="KIND")
    parser.add_argument("--error", choices=METRICS, default="mae")
    parser.add_argument(
        "--set", type=_change, action="append", default=[], metavar="NAME=VALUE", help="over the defaults"
    )
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="which files")
    parser.add_argument("--short", action="store_true", help="every fourth file by two models")
    parser.add_argument("--nab-score", type=Path, metavar="FILE", help="the benchmark's own scorer")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "streamdetect-quality"))
    args = parser.parse_args()
    if args.nab_score is None or not args.nab_score.is_file():
        _note(f"NAB's scores: skipped, no scorer at --nab-score {args.nab_score}")
        args.nab_score = None
    return args


if __name__ == "__main__":
    main()
