"""A command of streamdetect's, run to its end: status, processor time, memory and what it said."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from rig.daemon import OURS

if TYPE_CHECKING:
    from pathlib import Path


_WAIT = 10  # times the processor time that a command may take: others may be at work here, too


class Checked(NamedTuple):
    """The end of a command."""

    code: int
    seconds: float  # of processor time: others may be at work here, too
    rss: int  # bytes, the highest
    said: str


def run(folder: Path, *arguments: str, within: float = 60.0) -> Checked:
    """Run a command; kill it after `within` seconds of processor time, or ten times as long."""
    said = folder / "said"
    with said.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamdetect", *arguments], stdout=file, stderr=file, cwd=folder, env=OURS
        )
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (int(within), int(within)))
    began = time.monotonic()
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - began > _WAIT * within:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    busy, rss = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    return Checked(process.returncode, busy, rss, said.read_text())
