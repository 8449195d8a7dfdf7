"""Bytes of memory for each sensor past the first 1,000, of all that a daemon keeps.

python sensors_in_memory.py BUNDLE HISTORY SENSORS

Growth is that of a process's resident memory, so topics, ids, routes and columns are all in it.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from rig import detecting, workload

from streamdetect.bundles.bundle import Bundle

FEW = 1000
CHUNK = 20_000


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    path, history, sensors = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    more = {"threshold": {"history": history}, "max_sensors": sensors}
    pipeline = detecting.pipeline(Bundle.load(path), **more)
    pipeline.assemblies[0].detector.reconstruct = lambda windows: windows
    payload = [workload.Message("", b'{"time":1.7e9,"value":1.0}', 0, 0, 1, 1.7e9, retain=False)]

    def feed(first: int, last: int) -> None:
        for start in range(first, last, workload.BATCH):
            topics = (
                f"bench/hall/sensor-{sensor}" for sensor in range(start, min(start + workload.BATCH, last))
            )
            pipeline.process([payload[0]._replace(topic=topic) for topic in topics])

    feed(0, FEW)
    before = resident()
    for start in range(FEW, sensors, CHUNK):
        feed(start, min(start + CHUNK, sensors))
    # All that will ever be written to is written to now, as if every sensor had run for long. An
    # open incident adds 205 bytes, which are not in it.
    touch(pipeline.assemblies[0].detector.state)
    grown = resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    more = sensors - FEW
    sys.stdout.write(json.dumps({"bytes": grown / more, "peak": peak / more}) + "\n")


def touch(columns: object) -> None:
    for part in vars(columns).values():
        if isinstance(part, np.ndarray):
            part[:] = part.copy()
        elif hasattr(part, "resize"):
            touch(part)


if __name__ == "__main__":
    main()
