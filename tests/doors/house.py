"""A copy of the package to which the steps of CONTRIBUTING have been applied."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"


class Step(NamedTuple):
    """One block of a section: a new file, or lines that go below others."""

    path: str
    language: str
    text: str


def steps(title: str) -> list[Step]:
    """The steps of a section; the path is the last one named before a block."""
    page = CONTRIBUTING.read_text()
    section = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    assert section, f"CONTRIBUTING has no section {title!r}"
    found, path = [], ""
    for named, language, text in re.findall(
        r"`(streamdetect/[^`]+\.py)`|^```(\w+)\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE
    ):
        if named:
            path = named
        elif language in {"python", "diff"}:
            found.append(Step(path, language, text))
    return found


class House:
    """The copy, and what runs in it."""

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        shutil.copytree(
            ROOT / "streamdetect", folder / "streamdetect", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        self.steps = steps(title)
        for step in self.steps:
            self._apply(step)

    @property
    def touched(self) -> set[str]:
        """The files that the steps made or changed."""
        return {step.path for step in self.steps}

    def _apply(self, step: Step) -> None:
        path = self.folder / step.path
        if step.language == "python":
            assert not path.exists(), f"{step.path} is there already"
            path.write_text(step.text)
            return
        lines = step.text.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))
        added = "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))
        content = path.read_text()
        assert content.count(before) == 1, f"{step.path} must have these lines once:\n{before}"
        path.write_text(content.replace(before, before + added))

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run `python ARGUMENTS` with the copy; returns what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.folder), "PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + (done.stderr if status else "")

    def python(self, code: str, status: int = 0) -> str:
        """Run code with the copy."""
        return self.run("-c", code, status=status)

    def reference(self) -> str:
        """REFERENCE.md as it is now."""
        self.run("deploy/reference.py")
        return (self.folder / "deploy" / "REFERENCE.md").read_text()

    def spiked(self) -> Path:
        """A recording with a fault, for a backtest."""
        path = self.folder / "spiked.csv"
        values = [20 + (at * 7919 % 101) / 100 + 60 * (700 <= at < 712) for at in range(900)]
        rows = "".join(f"{1_700_000_000 + 60 * at},{value}\n" for at, value in enumerate(values))
        path.write_text(f"time,value\n{rows}")
        return path
