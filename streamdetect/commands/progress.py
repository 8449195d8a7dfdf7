"""A bar on the terminal for what takes long; none without a terminal or without the extra `demo`."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Advance(Protocol):
    """Reports how much of the total is done."""

    def __call__(self, done: int) -> object:
        """Draw it."""


@contextlib.contextmanager
def progress(name: str, total: int) -> Iterator[Advance]:
    """Draw a bar on stderr while the block runs, and remove it afterwards."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.progress import Progress  # noqa: PLC0415
    except ImportError:
        yield lambda done: done
        return
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)
