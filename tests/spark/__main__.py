"""Kills, rescaling and a takeover on a local cluster: `python tests/spark`; see run.sh."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from cluster.scenario import Scenario  # noqa: E402 - found only by the line above


def main() -> int:
    """Go through the steps and print what held.

    Returns:
        0 if all did, else 1.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends what was started, too
    folder = Path(tempfile.mkdtemp(prefix="spark-"))
    scenario = Scenario(folder)
    held = failed = 0
    try:
        for step in scenario.steps():
            began = time.monotonic()
            try:
                figure, holds = step()
            except Exception:  # noqa: BLE001 - shows any failure, and ends what was started
                traceback.print_exc()
                figure, holds = "see above", False
            held, failed = held + holds, failed + (not holds)
            took = time.monotonic() - began
            print(f"{'holds' if holds else 'FAILS'}  {step.__doc__}  {figure} ({took:.0f} s)", flush=True)  # noqa: T201
            if not holds:
                break  # the next step would go on from what this one should have left
    finally:
        scenario.close()
    if failed:
        print(f"logs are in {folder}")  # noqa: T201
    else:
        shutil.rmtree(folder)
    print(f"spark: {held} passed, {failed} failed")  # noqa: T201
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
