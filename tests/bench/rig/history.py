"""Runs on file: a line of JSON each, with machine, commit and rows."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import TYPE_CHECKING, Any

from rig.table import shown

if TYPE_CHECKING:
    from pathlib import Path

    from rig.table import Row

ALIKE = 0.1  # two runs of the same commit differ by about so much


def append(path: Path, machine: dict[str, Any], form: str, rows: list[Row]) -> None:
    """Add a run."""
    run = {
        "time": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "form": form,
        "machine": machine,
        "rows": [row.as_json() for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(run) + "\n")


def commit() -> str:
    """Return the commit that is measured; `+` means that files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def find(path: Path, name: str) -> dict[str, Any]:
    """The run that is meant: its line (-1 is the last), or the latest of a commit that begins so.

    Raises:
        SystemExit: there is none.
    """
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    of_commit = [run for run in runs if run["commit"].startswith(name)]
    if of_commit:
        return of_commit[-1]
    try:
        line = int(name)
        return runs[line - 1 if line > 0 else line]
    except (IndexError, ValueError):
        known = ", ".join(dict.fromkeys(run["commit"] for run in runs)) or "none"
        raise SystemExit(
            f"{path} has no run {name!r}: give a line up to {len(runs)}, or a commit: {known}"
        ) from None


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Two runs row by row: the ratio then, now, and the change of it."""
    old = {row["name"]: row for row in before["rows"]}
    lines = [f"{run['commit']}, {run['time']}, {run['form']}" for run in (before, after)]
    if before["machine"] != after["machine"] or before["form"] != after["form"]:
        lines.append("not the same machine or form: even ratios may differ for that alone")
    width = max((len(row["name"]) for row in after["rows"]), default=0)
    for row in after["rows"]:
        was = old.pop(row["name"], None)
        now = f"{shown(row['ratio']):>8}"
        if was is None:
            lines.append(f"{row['name']:<{width}} {'new':>8} {now}")
            continue
        change = row["ratio"] / was["ratio"] - 1 if was["ratio"] else 0.0
        verdict = (
            row["verdict"] if row["verdict"] == was["verdict"] else f"{was['verdict']} -> {row['verdict']}"
        )
        mark = "" if abs(change) <= ALIKE else " *"
        lines.append(
            f"{row['name']:<{width}} {shown(was['ratio']):>8} {now} {change:>+7.0%}  {verdict}{mark}"
        )
    lines += [f"{name:<{width}} is gone" for name in old]
    return "\n".join(lines)
