"""A bare subscriber in C, `mosquitto_sub`, that only says that a message came: `... COUNTER PORT`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import paho.mqtt.publish as paho
from rig.counter import Counter
from rig.processes import GRAIN

WRITTEN = 4096  # bytes that the C library gathers before it writes them to a pipe


def main() -> None:
    counter, port = Counter(Path(sys.argv[1])), int(sys.argv[2])
    counter.value = -1
    size = WRITTEN // GRAIN  # bytes a message, so that the count is never more than GRAIN behind
    command = ["mosquitto_sub", "-p", str(port), "-q", "0", "-t", "bench/#", "-N", "-F", "x" * size]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        os.set_blocking(pipe, False)
        came = 0
        while not (some := _read(pipe)):  # nothing says that it has subscribed but what comes
            burst = [("bench/hall/sensor-0", b"{}", 0, False)] * GRAIN
            paho.multiple(burst, "127.0.0.1", port)
            time.sleep(0.05)
        os.set_blocking(pipe, True)
        try:
            while some:
                came += len(some)
                counter.value = came // size
                some = os.read(pipe, 1 << 16)
        finally:
            process.terminate()


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    main()
