"""Row 33."""

from __future__ import annotations

import json
import os
import signal

from rig import checked
from rig.bench import Bench, Outcome, row
from rig.waiting import pause, until

_KEYS = 12_000
_SECRET = "hunter2-Sesame"  # noqa: S105 - the one that must not be seen


@row(33, "12,000 unknown keys; a FIFO; secrets in the wrong option", "linear; refused; hidden")
def configuration_hostile(bench: Bench) -> Outcome:
    """Configurations that were too much, or waited for ever, or said too much."""
    folder = bench.subfolder("config")
    (folder / "many.yaml").write_text("mqtt:\n" + "".join(f"  unknown{at}: {at}\n" for at in range(_KEYS)))
    many = checked.run(folder, "check", "many.yaml", within=60)
    wrong = {
        "mqtt": {"username": "u", "password_file": _SECRET},
        "metrics": {"username": "u", "password_file": _SECRET},
    }
    (folder / "wrong.yaml").write_text(json.dumps(wrong))
    hidden = checked.run(folder, "check", "wrong.yaml")
    daemon = bench.plant().daemon
    daemon.start()
    path = daemon.state.parent / "config.yaml"
    path.unlink()
    os.mkfifo(path)
    daemon.signal(signal.SIGHUP)
    until(lambda: "must be a regular file" in daemon.log, "the refusal")
    pause(1)
    ready = daemon.get("/readyz")
    daemon.terminate()
    figure = (
        f"{_KEYS} keys: {many.code} after {many.seconds:.1f} s, {len(many.said.splitlines())} lines; "
        f"a FIFO at a reload: refused, /readyz {ready}; secret shown: {_SECRET in hidden.said}"
    )
    good = (
        many.code == 78
        and many.seconds < 15
        and hidden.code == 78
        and _SECRET not in hidden.said
        and ready == 200
    )
    return Outcome(figure, good)
