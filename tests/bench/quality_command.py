"""The parts that the commands on quality share: paths, parallel work, and tables."""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    Job, Done = TypeVar("Job"), TypeVar("Done")

HERE = Path(__file__).resolve()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for data, cache and processes."""
    near = Path(os.environ.get("STREAMDETECT_DATA", HERE.parents[3] / "shared" / "data"))
    parser.add_argument(
        "--data", type=Path, default=near, help="folder of the recorded data sets [%(default)s]"
    )
    parser.add_argument(
        "--tools",
        type=Path,
        metavar="DIR",
        help="what makes houses and machines, and the benchmark's own scorer [../tools beside --data]",
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "streamdetect-quality"))
    parser.add_argument(
        "--processes", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="one a core"
    )


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, and the folder of tools where it is not given."""
    args = parser.parse_args()
    args.tools = args.tools or args.data.resolve().parent / "tools"
    args.cache.mkdir(parents=True, exist_ok=True)
    return args


def side_by_side(do: Callable[[Job], Done], jobs: Iterable[Job], processes: int) -> Iterator[Done]:
    """Each job done, in their order; one at a time in this process where one is all there may be."""
    if processes == 1:
        yield from map(do, jobs)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:  # TensorFlow does not survive a fork
        yield from pool.map(do, jobs)


def show(*lines: str) -> None:
    """Part of the answer."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def note(line: str) -> None:
    """Print the progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def head(columns: Sequence[str]) -> tuple[str, str]:
    """Its first two lines."""
    return row(columns), "|" + "---|" * len(columns)
