"""The defaults of judging and incidents against their neighbours: `quality.sh --choose`.

The protocol, committed before its first run:

1. Chosen on: houses of seeds 1 to 3, nab_dev, smap_msl_dev, asd_dev and half A of the quiet recordings, all
   by the general bundle, and one configuration for all. Houses of seeds 4 to 6 and half B confirm.
2. The rule itself, and the constants of single views that are no settings, were found by a search in a
   sketch outside the project, on the same sets. What is tried here is NEIGHBOURS: each setting by itself at
   a smaller and a larger value, the others at their defaults.
3. What counts is the mean shortfall: how far each figure of quality_wanted.py is from its goal, as a share of
   the goal; 0 = all are reached. Half A stands for half B there. A set's figures count alike, and so do sets.
4. A neighbour whose shortfall is smaller by more than NEAR is taken in place of the default; the one of the
   smallest if there are several, and alone.
5. What comes of it is measured once on the confirming sets, beside the default; it decides nothing.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from quality import FORMATS, Job, measured
from quality_command import add_arguments, head, parsed, row, show, side_by_side
from quality_wanted import wanted

from streamdetect.bundles.bundle import GENERAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from quality import Line

    Change = tuple[str, str]
    Sets = Sequence[tuple[str, int]]  # and the seed; 0 = recordings

CHOSEN_ON: Sets = (
    *(("house", seed) for seed in (1, 2, 3)),
    *((name, 0) for name in ("nab_dev", "smap_msl_dev", "asd_dev", "quiet A")),
)
CONFIRMING: Sets = (*(("house", seed) for seed in (4, 5, 6)), ("quiet B", 0))
NEIGHBOURS: Mapping[str, tuple[float, ...]] = {
    "sigma": (1.5, 2.5),
    "history": (5_000, 20_000),
    "block": (90, 180),
    "warmup": (1_500, 6_000),
    "level_of": (2, 5),
    "trend_of": (20, 60),
    "calm_cycles": (0.6, 1.6),
    "short": (30, 120),
    "short_cycles": (0.25, 1.0),
    "excess": (0.5, 2.0),
    "close_after": (15, 60),
}
NEAR = 0.01
DEFAULT: tuple[Change, ...] = ()


def shortfall(lines: Sequence[Line]) -> float:
    """Return the shortfall by the protocol's third point."""
    sets: dict[str, list[float]] = {}
    for line in lines:
        targets = wanted(line.kind.replace("quiet A", "quiet B"), line.model)
        away = [target.shortfall(line.figures[name]) for name, target in targets.items()]
        sets.setdefault(line.kind, []).append(float(np.mean(away)))
    return float(np.mean([np.mean(each) for each in sets.values()]))


def tried(only: Sequence[str]) -> Iterator[tuple[Change, ...]]:
    """The defaults, then each neighbour."""
    yield DEFAULT
    for name in only:
        yield from (((name, f"{value:g}"),) for value in NEIGHBOURS[name])


def choose(found: Mapping[tuple[Change, ...], list[Line]]) -> tuple[Change, ...]:
    """Choose by the protocol's fourth point."""
    away = {changes: shortfall(lines) for changes, lines in found.items()}
    best = min(away, key=lambda changes: away[changes])
    return best if away[best] < away[DEFAULT] - NEAR else DEFAULT


def main() -> None:
    """Try, choose, confirm, and print it all."""
    args = _arguments()
    found = _measure(list(tried(args.only)), CHOSEN_ON, args)
    show("Chosen on:", "", *_table(found))
    pair = list(dict.fromkeys([DEFAULT, choose(found)]))
    show("", "Confirming:", "", *_table(_measure(pair, CONFIRMING, args)))


def _measure(
    changes: Sequence[tuple[Change, ...]], sets: Sets, args: argparse.Namespace
) -> dict[tuple[Change, ...], list[Line]]:
    jobs = [
        Job(name, seed, (GENERAL,), argparse.Namespace(**vars(args) | {"set": list(one), "every": 1}))
        for one in changes
        for name, seed in sets
    ]
    lines = iter(side_by_side(measured, jobs, args.processes))
    return {one: [line for _ in sets for line in next(lines)] for one in changes}


def _table(found: Mapping[tuple[Change, ...], list[Line]]) -> list[str]:
    """A row a setting; the figures that have targets, houses by their mean."""
    rows: list[str] = []
    names: list[str] = []
    for changes, lines in found.items():
        told = _means(lines)
        names = list(told)
        setting = ", ".join(f"{name} {value}" for name, value in changes) or "defaults"
        rows.append(row([setting, f"{shortfall(lines):.3f}", *told.values()]))
    return [*head(["", "shortfall", *names]), *rows]


def _means(lines: Sequence[Line]) -> dict[str, str]:
    each: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        for name in wanted(line.kind.replace("quiet A", "quiet B"), line.model):
            each.setdefault((line.kind, name), []).append(line.figures[name])
    return {f"{kind}: {name}": FORMATS[name].format(np.mean(them)) for (kind, name), them in each.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hold the defaults against their neighbours.")
    add_arguments(parser)
    parser.add_argument("--only", nargs="*", choices=NEIGHBOURS, default=NEIGHBOURS, metavar="SETTING")
    return parsed(parser)


if __name__ == "__main__":
    main()
