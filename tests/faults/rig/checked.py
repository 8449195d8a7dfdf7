"""A command of streamdetect's, run to its end: status, processor time, memory and what it said."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from rig.daemon import OURS

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
    began, rss = time.monotonic(), 0
    while True:
        rss = max(rss, _highest(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - began > _WAIT * within:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Checked(process.returncode, usage.ru_utime + usage.ru_stime, rss, said.read_text())


def _highest(pid: int) -> int:
    """Bytes that a process has had resident at most; 0 once it has ended.

    `ru_maxrss` is no measure: it begins with the memory of the process that started this one.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)
