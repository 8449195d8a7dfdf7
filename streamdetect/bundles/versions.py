"""Versions of a bundle: a symbolic link names the one that is active.

`bundles/boiler` is a link into `bundles/boiler.versions`. That folder holds a bundle for each version,
named by the time at which it was made, and the names of those that were active. A program that loads
`bundles/boiler` follows the link. The link changes in one step, so that there always is a version.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamdetect.bundles.manifest import MANIFEST
from streamdetect.errors import BundleError
from streamdetect.failpoints import failpoint

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "%Y-%m-%dT%H%M%SZ"
_ACTIVE = "active"  # the file with the names of those that were


def adopt(link: Path) -> Path:
    """Make a plain bundle the first version of itself; returns that version.

    No program may load the bundle meanwhile: for a moment it is not in its place.

    Raises:
        BundleError: there is no plain bundle.
    """
    if link.is_symlink() or not (link / MANIFEST).is_file():
        raise BundleError(f"{link}: must be a plain bundle to become the first version, got none")
    made = datetime.fromtimestamp((link / MANIFEST).stat().st_mtime, UTC)
    first = _folder(link) / made.strftime(_NAME)
    first.parent.mkdir(exist_ok=True)
    link.rename(first)
    activate(link, first)
    return first


def fresh(link: Path, now: float) -> Path:
    """Return the path of the version that is made now (Unix seconds).

    Raises:
        BundleError: the bundle has no versions.
    """
    active(link)
    return _folder(link) / datetime.fromtimestamp(now, UTC).strftime(_NAME)


def active(link: Path) -> Path:
    """The version that is active.

    Raises:
        BundleError: the bundle has no versions.
    """
    if not link.is_symlink() or link.resolve().parent != _folder(link).resolve():
        raise BundleError(
            f"{link}: must have versions; streamdetect versions --adopt {link} makes it the first"
        )
    return link.resolve()


def versions(link: Path) -> list[Path]:
    """List all versions, the oldest first."""
    return sorted(path for path in _folder(link).iterdir() if (path / MANIFEST).is_file())


def activate(link: Path, version: Path) -> None:
    """Replace the active version by another, in one step."""
    _note(link, [*_noted(link), version.name])
    failpoint("versions.noted")
    _point(link, version)


def rollback(link: Path) -> Path:
    """Activate the version that was active before; returns it.

    Raises:
        BundleError: there is no such version.
    """
    now = active(link)
    before = _until(_noted(link), now.name)[:-1]
    there = [name for name in before if (_folder(link) / name / MANIFEST).is_file()]
    if not there:
        raise BundleError(f"{link}: must have a version that was active before {now.name}, got none")
    _point(link, _folder(link) / there[-1])
    failpoint("versions.back")
    _note(link, _until(before, there[-1]))
    return _folder(link) / there[-1]


def prune(link: Path, keep: int) -> list[Path]:
    """Remove versions, but keep the active one and the latest that were active; returns the removed ones.

    The leftovers of a killed run are removed, too: no other program may make a version meanwhile.
    """
    kept = set(_until(_noted(link), active(link).name)[-keep:]) | {active(link).name}
    removed = [path for path in versions(link) if path.name not in kept]
    for path in removed:
        shutil.rmtree(path)
    for path in [*link.parent.glob(f".{link.name}.*"), *_folder(link).glob(".*")]:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return removed


def _point(link: Path, version: Path) -> None:
    made = link.with_name(f".{link.name}.{os.getpid()}")
    made.unlink(missing_ok=True)
    made.symlink_to(os.path.relpath(version, link.parent))
    failpoint("versions.activate")
    made.replace(link)
    failpoint("versions.active")


def _noted(link: Path) -> list[str]:
    """Names of the versions that were active, the latest last; a crash may have left one that never was."""
    path = _folder(link) / _ACTIVE
    return path.read_text().split() if path.exists() else []


def _note(link: Path, names: list[str]) -> None:
    made = _folder(link) / f".{_ACTIVE}.{os.getpid()}"
    made.write_text("".join(f"{name}\n" for name in names))
    made.replace(_folder(link) / _ACTIVE)


def _until(names: list[str], last: str) -> list[str]:
    """The names up to the last place of one of them."""
    places = [at for at, name in enumerate(names) if name == last]
    return names[: places[-1] + 1] if places else [*names, last]


def _folder(link: Path) -> Path:
    return link.with_name(f"{link.name}.versions")
