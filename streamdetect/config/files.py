"""Reading files that a configuration names, and the configuration itself: regular files only.

Opening a FIFO waits for somebody to write to it, and a device may never end; the loop would wait with it.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


def read_regular(path: str | PathLike[str], most: int) -> tuple[bytes, int]:
    """Read at most `most` bytes of a regular file; a link is followed.

    Returns:
        The bytes, and the file's mode.

    Raises:
        OSError: it cannot be read, or is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _no_file()
        return file.read(most), mode


def check_regular(path: str | PathLike[str]) -> int:
    """Check that others may open a file for us; returns its mode.

    Raises:
        OSError: it is missing, or not a regular file.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path may be a string
    if not stat.S_ISREG(mode):
        raise _no_file()
    return mode


def _no_file() -> OSError:
    return OSError(errno.EINVAL, "must be a regular file")
