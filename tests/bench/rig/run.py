"""One run of the suite: its form, its folder, and what its rows share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from streamdetect.bundles.bundle import Bundle

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CHILDREN = Path(__file__).parents[1] / "children"


class Run:
    """Attributes: short: whether in the short form; folder: for whatever files."""

    def __init__(self, folder: Path, bundles: Path, *, short: bool) -> None:
        self.short, self.folder, self._bundles = short, folder, bundles

    def scaled(self, full: T, short: T) -> T:
        """Return the amount for this run's form."""
        return short if self.short else full

    def note(self, full: object, short: object, what: str) -> str:
        """Return a row's note when the short form did less."""
        return f"short: {short:,} {what}, full: {full:,}" if self.short else ""

    def bundle(self, name: str) -> Bundle:
        """The bundle of that architecture, T = 20, F = 1."""
        self.tensorflow  # noqa: B018 - makes them
        return Bundle.load(self._bundles / name)

    @cached_property
    def tensorflow(self) -> dict[str, Any]:
        """Return the figures that need TensorFlow, from a process of its own; makes the bundles."""
        known = self._bundles / f"tensorflow-{'short' if self.short else 'full'}.json"
        if not known.exists():
            epochs, turns = self.scaled((20, 3), (2, 1))
            known.write_text(json.dumps(self.child("tensorflow_side", self._bundles, epochs, turns)))
        found: dict[str, Any] = json.loads(known.read_text())
        return found

    def child(self, name: str, *arguments: object) -> Any:
        """Run one of the children in a fresh process; what it prints last is JSON."""
        command = [sys.executable, str(CHILDREN / f"{name}.py"), *map(str, arguments)]
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, capture_output=True, env=quiet, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stderr.decode()[-2000:]}")
        return json.loads(done.stdout.decode().splitlines()[-1])


def interleaved(*sides: Callable[[], float], turns: int = 3) -> list[float]:
    """The median of what each side measures, taken in turns: A B A B A B."""
    found = [[side() for side in sides] for _ in range(turns)]
    return [median(column) for column in zip(*found, strict=True)]
