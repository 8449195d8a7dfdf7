"""Houses and machines that the tools beside the data make: faults whose times are known to the second."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quality_command import note

from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.offline.backtest.running import backtest
from streamdetect.offline.backtest.tables import write_incidents
from streamdetect.offline.recordings import Layout, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quality_models import Choice

NORMAL_DAYS = {"house": 4, "machine": 3}
BASELINES = {"band": "base-band.csv", "seasonal + checks": "base-seasonal+checks.csv"}
"""What people use instead, and the file that house_baselines.py writes of it."""
OWN = "own bundle"


@dataclass(frozen=True, slots=True)
class Made:
    """One seed of a house or of machines, in a folder of the cache."""

    kind: Literal["house", "machine"]
    seed: int
    tools: Path
    cache: Path

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.kind} {self.seed}"

    @property
    def folder(self) -> Path:
        """The folder with train.csv, test.csv and faults.json."""
        return self.cache / f"{self.kind}-{self.seed}"

    def make(self) -> None:
        """Make it, unless it is there."""
        if not (self.folder / "faults.json").exists():
            self._tool(self.kind, "make", self.folder, "--seed", self.seed)

    def baseline(self, name: str) -> dict[str, Any]:
        """The score of what people use instead."""
        incidents = self.folder / BASELINES[name]
        if not incidents.exists():
            self._tool("house_baselines", self.folder)
        return self._score(incidents)

    def score(self, model: str, choice: Choice) -> dict[str, Any]:
        """The strict score of a bundle: `general`, or one that `train` makes."""
        bundle = Bundle.load(GENERAL) if model == GENERAL else self._trained(model)
        layout = Layout(sensor_column="sensor")
        recordings = read([self.folder / "test.csv"], layout)
        results = backtest(choice.detector(bundle), recordings)
        with tempfile.TemporaryDirectory() as name:
            incidents = Path(name, "incidents.csv")
            write_incidents(results, incidents)
            return self._score(incidents)

    def _trained(self, model: str) -> Bundle:
        """Train a bundle of an architecture, or of the one that `train` chooses without an option."""
        folder = self.folder / model.replace(" ", "-")
        if not folder.exists():
            note(f"{self.name}: training, {model}")
            chosen = [] if model == OWN else ["--architecture", model]
            data = [self.folder / "train.csv", "--sensor-column", "sensor", *chosen]
            _run("-m", "streamdetect", "train", *data, "--out", folder, "--quiet")
        return Bundle.load(folder)

    def _score(self, incidents: Path) -> dict[str, Any]:
        days = NORMAL_DAYS[self.kind]
        told = self._tool("house", "score", self.folder, incidents, "--json", "--normal-days", days)
        score: dict[str, Any] = json.loads(told)
        return score

    def _tool(self, name: str, *arguments: object) -> str:
        return _run(self.tools / f"{name}.py", *arguments)


def figures(score: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a score."""
    whole, kinds = score["all"], score["kinds"].values()
    return {
        "found": whole["recall"],
        "least kind": min(kind["found"] / kind["of"] for kind in kinds),
        "cover": whole["cover"],
        "again": whole["again"],
        "late": whole["late"] / whole["of"],
        "false / week": whole["false_per_sensor_week"],
    }


def _run(*command: object) -> str:
    return subprocess.run(
        [sys.executable, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
