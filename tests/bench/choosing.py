"""The defaults of thresholds and incidents, chosen: `python tests/bench/choosing.py --data DIR`.

The protocol, committed before its first run:

1. What is chosen on is in none of the collections that QUALITY.md scores: rooms, a test bench and wireless
   motes, with faults put in (choosing_data.py). Every second room, channel and mote is chosen on; the others
   confirm.
2. The threshold stays mean + 2σ (`rolling`, `sigma` 2). The search starts at the settings that had been set
   by hand, and goes through GRID: a step tries all values of one setting, or of two that make up for each
   other, and goes on with what did best; it ends when a whole round changes nothing, or after two.
3. What counts is the mean event F1 over all pairs of model and group, each pair alike, be its cases few or
   many. An event is found by an incident that holds a reading of it in its anomalous windows up to its
   opening: one that was open already finds nothing, or keeping incidents open would win.
4. Of all settings that were tried and are within 0.01 of the best, the one with the fewest false alarms for
   10,000 readings is chosen (a day is 144 readings in one group and 86,400 in another); between equals, those
   that had been set by hand.
5. The other half is judged by what was chosen and by what was set by hand; it decides nothing.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from choosing_data import groups, half
from quality_command import add_arguments, head, note, row, show
from quality_errors import scored
from quality_judging import changed, judge, total
from streamdetect.core.thresholds import ThresholdSettings

from streamdetect.bundles.bundle import GENERAL
from streamdetect.core.incidents import IncidentSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from choosing_data import Half
    from quality_data import Case
    from quality_errors import Scored

    Candidate = tuple[float, ...]  # a value for each of GRID
    Pairs = Sequence[
        tuple[str, str, list[Case], list[list[Scored]]]
    ]  # model, group, and the errors of its cases

MODELS = (GENERAL, "dense-16", "lstm-16")
GRID: Mapping[str, tuple[float, ...]] = {
    "smoothing": (1, 5, 10, 20, 40),
    "evidence": (0, 10, 20, 40, 80),
    "history": (500, 1000, 2000, 4000, 8000),
    "sigma_floor": (0.0, 0.1, 0.2, 0.5, 1.0),
    "guard": (0, 2, 4, 8),
    "close_after": (1, 5, 10, 20, 40),
}
BY_HAND: Candidate = (20, 20, 2000, 0.2, 4, 20)
STEPS = (("smoothing", "evidence"), ("history",), ("sigma_floor",), ("guard",), ("close_after",))
ROUNDS = 2
NEAR = 0.01  # of event F1
SHOWN = 20


class Quality(NamedTuple):
    """What settings come to: means over the pairs of model and group."""

    f1: float
    false: float  # alarms for 10,000 readings
    open_outside: float  # share of the readings outside events
    each: tuple[float, ...]  # event F1 of each pair


def measure(candidate: Candidate, pairs: Pairs) -> Quality:
    """Judge all cases by the same settings."""
    settings = _named(candidate)
    threshold = changed(ThresholdSettings(), settings)
    incidents = changed(IncidentSettings(), settings)
    sums = [
        total([judge(case, parts, threshold, incidents) for case, parts in zip(cases, errors, strict=True)])
        for _, _, cases, errors in pairs
    ]
    each = tuple(one.prompt.f1 for one in sums)
    return Quality(
        float(np.mean(each)),
        float(np.mean([one.prompt.fp / one.readings * 1e4 for one in sums])),
        float(np.mean([one.open_outside / one.unlabelled for one in sums])),
        each,
    )


def search(measured: Callable[[Iterable[Candidate]], Iterator[Quality]]) -> dict[Candidate, Quality]:
    """Everything that was tried, in the order that it was."""
    tried = dict(zip([BY_HAND], measured([BY_HAND]), strict=True))
    best = BY_HAND
    for _ in range(ROUNDS):
        before = best
        for names in STEPS:
            untried = [one for one in _around(best, names) if one not in tried]
            for candidate, quality in zip(untried, measured(untried), strict=True):
                tried[candidate] = quality
                note(row(_cells(candidate, quality)))
            best = max(tried, key=lambda one: tried[one].f1)
        if best == before:
            break
    return tried


def _around(candidate: Candidate, names: Sequence[str]) -> Iterator[Candidate]:
    """The candidate with every combination of these settings' values."""
    for values in product(*(GRID[name] for name in names)):
        settings = _named(candidate) | dict(zip(names, values, strict=True))
        yield tuple(settings.values())


def choose(tried: Mapping[Candidate, Quality]) -> Candidate:
    """By the protocol's fourth point."""
    best = max(quality.f1 for quality in tried.values())
    near = {candidate: quality for candidate, quality in tried.items() if quality.f1 >= best - NEAR}
    return min(near, key=lambda one: (near[one].false, one != BY_HAND))


class _Judges:
    """What a process holds on to: the errors of all cases, read once."""

    pairs: Pairs

    @classmethod
    def read(cls, data: Path, cache: Path, which: Half) -> None:
        """Take the errors from the cache; what is not there is made."""
        cls.pairs = [
            (model, name, cases, [scored(case, model, "mae", cache) for case in cases])
            for model in MODELS
            for name, every in groups(data).items()
            for cases in [half(every, which)]
        ]

    @classmethod
    def measure(cls, candidate: Candidate) -> Quality:
        return measure(candidate, cls.pairs)


def _measuring(args: argparse.Namespace, which: Half) -> Callable[[Iterable[Candidate]], Iterator[Quality]]:
    """Measure candidates on one half, side by side where more than one process is wanted."""
    _Judges.read(args.data, args.cache, which)
    if args.processes == 1:
        return partial(map, _Judges.measure)
    pool = ProcessPoolExecutor(
        args.processes, get_context("spawn"), _Judges.read, (args.data, args.cache, which)
    )
    return partial(pool.map, _Judges.measure)


def main() -> None:
    """Search, choose, confirm, and print it all."""
    args = _arguments()
    args.cache.mkdir(parents=True, exist_ok=True)
    tried = search(_measuring(args, "even"))
    chosen = choose(tried)
    best = sorted(tried, key=lambda one: -tried[one].f1)[:SHOWN]
    show(f"Chosen on, {len(tried)} tried:", "", *_table({one: tried[one] for one in best}))
    pair = list(dict.fromkeys([BY_HAND, chosen]))
    show("", "By hand, and chosen:", "", *_table({one: tried[one] for one in pair}))
    confirmed = dict(zip(pair, _measuring(args, "odd")(pair), strict=True))
    show("", "The same, confirming:", "", *_table(confirmed))
    show("", "Chosen: " + ", ".join(f"{name} {value:g}" for name, value in _named(chosen).items()))


def _named(candidate: Candidate) -> dict[str, float]:
    return dict(zip(GRID, candidate, strict=True))


def _table(qualities: Mapping[Candidate, Quality]) -> list[str]:
    columns = [*GRID, "event F1", "false / 10,000", "open outside"]
    columns += [f"{model}, {name}" for model, name, *_ in _Judges.pairs]
    return [*head(columns), *(row(_cells(*one)) for one in qualities.items())]


def _cells(candidate: Candidate, quality: Quality) -> list[str]:
    return [
        *(f"{value:g}" for value in candidate),
        f"{quality.f1:.3f}",
        f"{quality.false:.1f}",
        f"{quality.open_outside:.1%}",
        *(f"{f1:.2f}" for f1 in quality.each),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Choose the defaults of thresholds and incidents.")
    add_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
