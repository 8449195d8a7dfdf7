"""Check the place of what a command will write, before its work rather than after it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from streamdetect.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def check_folder(folder: Path) -> None:
    """Make a folder, and check that files can be written there.

    Raises:
        DataError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from error


def check_file(path: Path) -> None:
    """Check that a file can be written or replaced, and make its folder.

    Raises:
        DataError: it cannot.
    """
    if path.is_dir():
        raise DataError(f"{path}: cannot be written: it is a folder")
    if not path.exists() or path.is_file():  # else it is a device or a pipe
        check_folder(path.parent)
