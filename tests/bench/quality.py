"""The quality of the verdicts: `bash tests/bench/quality.sh --data DIR`; see README.md beside it."""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from quality_command import add_arguments, head, note, parsed, row, show, side_by_side
from quality_data import DATA_SETS, FOLDERS
from quality_judging import judge, judge_side_by_side, total
from quality_made import BASELINES, OWN, Made, figures
from quality_models import RECIPES, WITHOUT, Choice, bundle_for
from quality_wanted import wanted

from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quality_data import Case
    from quality_judging import Tally

    from streamdetect.core.detector import Detector

SETS = ("house", "machine", *DATA_SETS)
SEEDS = (1, 2, 3, 4, 5, 6)
TRAINED = {"nab_dev": ("dense-16",)}
"""Small models of each case's own normal part."""
MACHINES = ("dense", "conv", "lstm")
FORMATS = {
    "found": "{:.2f}",
    "while it lasts": "{:.2f}",
    "least kind": "{:.2f}",
    "cover": "{:.2f}",
    "again": "{:.2f}",
    "late": "{:.1%}",
    "false / week": "{:.2f}",
    "event F1": "{:.2f}",
    "false": "{:.0f}",
    "false / 10,000": "{:.1f}",
    "false / day": "{:.2f}",
    "open outside": "{:.1%}",
    "NAB": "{:.1f}",
    "low FP": "{:.1f}",
    "low FN": "{:.1f}",
    "readings/s": "{:,.0f}",
}
MADE = ("found", "least kind", "cover", "again", "late", "false / week")
RECORDED = tuple(name for name in FORMATS if name not in MADE or name == "found")


class Job(NamedTuple):
    """Detectors on one data set; a made one has a seed, and 0 is a recorded one's."""

    data: str
    seed: int
    models: Sequence[str]
    args: argparse.Namespace


class Line(NamedTuple):
    """The result of a job."""

    kind: str  # house, machine, or a set of recordings
    data: str
    model: str
    figures: dict[str, float]


def main() -> None:
    """Print the tables, and write them where asked."""
    args = _arguments()
    lines = list(chain.from_iterable(side_by_side(measured, _jobs(args), args.processes)))
    told = [
        *_table("Houses", MADE, [line for line in lines if line.kind == "house"]),
        *_table("Machines", MADE, [line for line in lines if line.kind == "machine"]),
        *_table("Recordings", RECORDED, [line for line in lines if line.kind in DATA_SETS]),
        *_wanted(lines),
    ]
    show(*told)
    if args.out:
        args.out.write_text("\n".join(told) + "\n", encoding="utf-8")


def _table(title: str, names: Sequence[str], lines: Sequence[Line]) -> list[str]:
    if not lines:
        return []
    rows = [row([line.data, line.model, *_cells(line.figures, names)]) for line in lines]
    return [f"### {title}", "", *head(("data", "detector", *names)), *rows, ""]


def _cells(found: dict[str, float], names: Sequence[str]) -> list[str]:
    return [_shown(name, found.get(name, np.nan)) for name in names]


def _shown(name: str, figure: float) -> str:
    return "" if np.isnan(figure) else FORMATS[name].format(figure)


def _wanted(lines: Sequence[Line]) -> list[str]:
    """Each figure that has a target, beside it."""
    rows = []
    for line in lines:
        for name, target in wanted(line.kind, line.model).items():
            if name not in line.figures:
                continue
            figure = line.figures[name]
            least, goal = (f"{target.sign} {_shown(name, one)}" for one in (target.least, target.goal))
            verdict = target.verdict(figure)
            rows.append(row([line.data, line.model, name, _shown(name, figure), least, goal, verdict]))
    columns = ("data", "detector", "figure", "measured", "at least", "goal", "")
    return ["### Compared with the targets", "", *head(columns), *rows]


def measured(job: Job) -> list[Line]:
    """Take each detector through the data set."""
    data = f"{job.data} {job.seed}" if job.seed else job.data
    measure = _made if job.seed else _recorded
    lines = []
    for model in job.models:
        started = time.perf_counter()
        lines.append(Line(job.data, data, model, measure(job, model)))
        note(f"{data}, {model}: {lines[-1].figures}, {time.perf_counter() - started:.0f} s")
    return lines


def _made(job: Job, model: str) -> dict[str, float]:
    made = Made(job.data, job.seed, job.args.tools, job.args.cache)
    made.make()
    if model in BASELINES:
        return figures(made.baseline(model))
    return figures(made.score(*_choice(model, job.args)))


def _choice(model: str, args: argparse.Namespace) -> tuple[str, Choice]:
    """The bundle's name, and what else its detectors are made of."""
    without = model == WITHOUT
    return GENERAL if without else model, Choice(autoencoder=not without, changes=tuple(args.set))


def _recorded(job: Job, model: str) -> dict[str, float]:
    cases = DATA_SETS[job.data](job.args.data)[:: job.args.every]
    name, choice = _choice(model, job.args)
    if name == GENERAL:
        tallies = judge_side_by_side(cases, choice.detector(Bundle.load(GENERAL)))
    else:
        tallies = [judge(case, _trained(case, name, choice, job.args.cache)) for case in cases]
    benchmark = _nab(job.args, cases, tallies) if job.data == "nab_dev" else {}
    return _figures(total(tallies)) | benchmark


def _trained(case: Case, model: str, choice: Choice, cache: Path) -> Detector:
    """The model of the case's own normal part; the other views alone where that part stands still."""
    try:
        return choice.detector(bundle_for(case, model, cache))
    except DataError as error:
        note(f"{case.name}: without a model, {error}")
        return replace(choice, autoencoder=False).detector(Bundle.load(GENERAL))


def _figures(whole: Tally) -> dict[str, float]:
    found, known = whole.events, whole.events.tp + whole.events.fn
    return {
        "found": found.recall,
        "while it lasts": whole.meanwhile / known if known else np.nan,
        "event F1": found.f1 if known else np.nan,
        "false": found.fp,
        "false / 10,000": found.fp / whole.readings * 1e4,
        "false / day": found.fp / whole.days,
        "open outside": whole.open_outside / whole.unlabelled,
        "readings/s": whole.judged / whole.seconds,
    }


def _nab(args: argparse.Namespace, cases: Sequence[Case], tallies: Sequence[Tally]) -> dict[str, float]:
    """The benchmark's three scores: a row at which an incident opens is an alarm, every other is none."""
    scorer = args.tools / "nab_score.py"
    if not scorer.is_file():
        note(f"NAB's scores: skipped, no {scorer.name} in --tools {args.tools}")
        return {}
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
        command = [sys.executable, scorer, folder, "--data", data, "--windows", windows]
        told = subprocess.run([*command, "--threshold", "0.5"], check=True, capture_output=True, text=True)
    scores = map(float, re.findall(r"^\w+: (\S+) at", told.stdout, re.MULTILINE))
    return dict(zip(("NAB", "low FP", "low FN"), scores, strict=True))


def _jobs(args: argparse.Namespace) -> Iterator[Job]:
    for name in args.sets:
        missing = _missing(name, args)
        if missing:
            note(f"{name}: skipped, no {missing}")
        elif name in DATA_SETS:
            models = args.models or (GENERAL, WITHOUT, *TRAINED.get(name, ()))
            yield from (Job(name, 0, (model,), args) for model in models)
        elif name == "house":
            for seed in args.seeds:
                own = (OWN,) if seed in args.own else ()
                yield Job(name, seed, args.models or (GENERAL, WITHOUT, *own, *BASELINES), args)
        else:
            yield from (Job(name, seed, args.machines, args) for seed in args.own)


def _missing(name: str, args: argparse.Namespace) -> str:
    """Return the parts of a set that are missing."""
    if name not in DATA_SETS:
        tools = [f"{tool}.py" for tool in ("house", "house_baselines", "machine")]
        absent = [tool for tool in tools if not (args.tools / tool).is_file()]
        return f"{', '.join(absent)} in --tools {args.tools}" if absent else ""
    absent = [folder for folder in FOLDERS[name] if not (args.data / folder).is_dir()]
    return f"{', '.join(absent)} in --data {args.data}" if absent else ""


def _change(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in {field.name for kind in (JudgeSettings, IncidentSettings) for field in fields(kind)}:
        raise argparse.ArgumentTypeError(f"must be a setting of judging or incidents, got {name}")
    return name, value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, metavar="SET")
    parser.add_argument("--models", nargs="+", choices=(GENERAL, WITHOUT, *RECIPES))
    parser.add_argument("--machines", nargs="+", choices=MACHINES, default=MACHINES)
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=SEEDS, metavar="N", help="of houses and machines"
    )
    parser.add_argument(
        "--own", nargs="*", type=int, default=SEEDS, metavar="N", help="seeds that models are trained for"
    )
    parser.add_argument(
        "--set", type=_change, action="append", default=[], metavar="NAME=VALUE", help="over the defaults"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th case of recordings")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables there too")
    return parsed(parser)


if __name__ == "__main__":
    main()
