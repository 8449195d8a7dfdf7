"""Hands memory that nothing uses any more back to the system: free blocks, and code that only the start ran.

Batches, commits and checkpoints are of all sizes, and the C library keeps freed blocks between blocks still
in use: at 500 messages a second, a daemon that held nothing more than before grew by 0.7 MB in 4 minutes.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CODE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +/", re.MULTILINE)
"""A line of /proc/self/maps, of machine code that is mapped from a file."""


def _trimmer() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None  # not glibc: musl hands back by itself
    return trim


_trim = _trimmer()


def give_back() -> None:
    """Hand free memory back, where the C library does not do so by itself (malloc_trim(3))."""
    if _trim:
        _trim(0)


def drop_code() -> None:
    """Unmap the machine code of the program and its libraries, where the system is Linux (madvise(2)).

    Code that runs again comes back by itself, 64 KiB at a time. Most of it has run only at the start: ONNX
    Runtime registers its operators, pydantic makes its validators. At 1,000 sensors 100 MB resident became
    82, 400,000 messages later 84. The code stays in the system's cache of files until the system needs the
    space, which it can now take at once; the memory that a control group counts does not fall by it.
    """
    with contextlib.suppress(OSError):  # without /proc
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
        for found in _CODE.finditer(Path("/proc/self/maps").read_text()):
            begin, end = (int(address, 16) for address in found.groups())
            madvise(begin, end - begin, mmap.MADV_DONTNEED)
