"""Bytes a sensor, and as many sensors as there may be."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from rig.detecting import HISTORY
from rig.table import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rig.run import Run

ALLOWED = 2.5 * 1024
DISK = 180  # MB of the base install
LONG = 8000


def rows(run: Run) -> Iterator[Row]:
    yield from by_sensor(run)
    sizes = {name: size(name) for name in base()}
    largest = ", ".join(f"{name} {sizes[name]:.0f}" for name in sorted(sizes, key=sizes.get)[-3:])
    whole = sum(sizes.values())
    name = f"base install on disk, {len(sizes)} packages"
    yield Row(name, f"{whole:.0f} MB", f"{DISK} MB", whole / DISK, at_most(1.0), largest)


def base() -> set[str]:
    """The packages of an install without extras."""
    found, left = set(), ["streamdetect"]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [re.split(r"[^A-Za-z0-9._-]", need)[0].lower() for need in needs(name) if ";" not in need]
    return found


def needs(package: str) -> Sequence[str]:
    """What a package needs; what we need as this checkout says, not as it was installed some time ago."""
    if package == "streamdetect":
        project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
        return [str(need) for need in project["dependencies"]]
    return importlib.metadata.requires(package) or ()


def size(package: str) -> float:
    """MB of a package's own files; of ours, in this checkout."""
    if package == "streamdetect":
        files = [path for path in Path("streamdetect").rglob("*") if path.is_file()]
    else:
        files = [Path(str(one.locate())) for one in importlib.metadata.files(package) or ()]
    return sum(path.stat().st_size for path in files if path.exists()) / 1e6


def by_sensor(run: Run) -> Iterator[Row]:
    """Bytes that each further sensor takes."""
    path = run.bundle("stacked").path
    most = run.scaled(1_000_000, 100_000)
    for history, sensors in ((HISTORY, most), (LONG, most)):
        found = run.child("sensors_in_memory", path, history, sensors)
        yield Row(
            f"bytes a sensor, 1,000 to {sensors:,} sensors, T = 20, K = {history:,}",
            f"{found['bytes']:,.0f} B",
            f"{ALLOWED:,.0f} B",
            found["bytes"] / ALLOWED,
            at_most(1.0),
            run.note(1_000_000, most, "sensors"),
        )
        yield Row(
            f"the same at its peak, while it grew, K = {history:,}",
            f"{found['peak']:,.0f} B",
            f"{found['bytes']:,.0f} B",
            found["peak"] / found["bytes"],
        )
