"""Runs the fault matrix: `python tests/faults --short`, or `--long`, or `--row 8`; see run.sh."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import rows  # noqa: E402 - what is beside us is found only now
from rig.bench import ROWS, Bench, Outcome, Row  # noqa: E402 - likewise

# Rows that mostly wait come first, so that those which compute fill the gaps.
_FIRST = (38, 4, 23, 20, 6, 32, 26, 29, 8, 18, 7, 11, 19, 25)


def main() -> int:
    """Run rows side by side and print the table.

    Returns:
        0 if all hold, else 1.
    """
    args = _parser().parse_args()
    rows.load()
    chosen = args.row or sorted(ROWS, key=lambda number: (number not in _FIRST, number))
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    with ThreadPoolExecutor(args.jobs) as pool:
        outcomes = dict(
            zip(chosen, pool.map(lambda n: _run(ROWS[n], folder, long=args.long), chosen), strict=True)
        )
    # Side by side, rows take the machine from each other; what is at fault fails by itself as well.
    for number in [number for number, outcome in outcomes.items() if not outcome.holds and args.jobs > 1]:
        second = _run(ROWS[number], folder / "again", long=args.long)
        outcomes[number] = Outcome(
            f"{second.figure} (alone; before: {outcomes[number].figure})", second.holds
        )
    _print_table(outcomes)
    held = sum(outcome.holds for outcome in outcomes.values())
    if held == len(outcomes):
        shutil.rmtree(folder)
    else:
        _say(f"logs of the rows that do not hold are in {folder}")
    _say(f"faults: {held} of {len(outcomes)} hold")
    return int(held < len(outcomes))


def _run(row: Row, folder: Path, *, long: bool) -> Outcome:
    """Run one row in a folder of its own; whatever goes wrong in it, it then does not hold."""
    own = folder / f"row{row.number}"
    own.mkdir(parents=True)
    began = time.monotonic()
    try:
        with Bench(own, long=long) as bench:
            outcome = row.run(bench)
    except Exception as error:  # noqa: BLE001 - the other rows go on
        (own / "error").write_text(traceback.format_exc())
        outcome = Outcome(f"{type(error).__name__}: {error}".splitlines()[0], holds=False)
    if outcome.holds:
        shutil.rmtree(own)
    seconds = time.monotonic() - began
    _say(f"{row.number:2} {_answer(outcome)} after {seconds:.0f} s: {row.fault}: {outcome.figure}")
    return outcome


def _print_table(outcomes: dict[int, Outcome]) -> None:
    cells = [("#", "fault", "figure", "promise", "")]
    for number, outcome in sorted(outcomes.items()):
        row = ROWS[number]
        cells.append((str(number), row.fault, outcome.figure, row.promise, _answer(outcome)))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    _say("")
    for line in cells:
        _say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    _say("")


def _answer(outcome: Outcome) -> str:
    return "holds" if outcome.holds else "DOES NOT HOLD"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The fault matrix, against the real thing.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_false", dest="long", help="under 10 minutes; the default")
    form.add_argument(
        "--long", action="store_true", help="100 SIGKILLs, 30 minutes of soak, 10^5 mutations …"
    )
    parser.set_defaults(long=False)
    parser.add_argument("--row", type=int, action="append", metavar="N", help="only this")
    parser.add_argument("--jobs", type=int, default=4, help="rows at a time (4)")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    sys.exit(main())
