"""An earlier commit, measured by its own benchmark on this machine, so that ratios can be held against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig import history

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORY = "history.jsonl"


def measure(commit: str, *, short: bool, subjects: Sequence[str]) -> dict[str, Any]:
    """Check a commit out, run its benchmark in our virtual environment, and give that run.

    Bundles are its own: the manifest of one says more than it used to.

    Raises:
        SystemExit: there is no such commit, or it measures none of these subjects, or fails.
    """
    with tempfile.TemporaryDirectory(prefix="bench-earlier-") as folder:
        tree = Path(folder, "tree")
        _run("git", "worktree", "add", "--detach", str(tree), commit)
        try:
            known = {path.stem for path in (tree / "tests/bench/rows").glob("*.py")}
            only = [word for subject in subjects if subject in known for word in ("--only", subject)]
            if not only:
                raise SystemExit(f"{commit} measures none of {', '.join(subjects)}")
            arguments = [*only, *(["--short"] if short else []), "--history", str(Path(folder, HISTORY))]
            _run(sys.executable, "tests/bench", *arguments, folder=tree)
            return history.find(Path(folder, HISTORY), "-1")
        finally:
            _run("git", "worktree", "remove", "--force", str(tree))


def _run(*command: str, folder: Path | None = None) -> None:
    """Run a command, what it imports from `folder`.

    Raises:
        SystemExit: it fails.
    """
    environment = os.environ | ({"PYTHONPATH": str(folder)} if folder else {})
    if status := subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        raise SystemExit(f"{' '.join(command)}: status {status}")
