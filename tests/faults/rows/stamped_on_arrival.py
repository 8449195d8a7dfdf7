"""Row 26."""

from __future__ import annotations

import json
import random

from rig.bench import Bench, Outcome, row
from rig.oracle import saved, taken
from rig.waiting import pause, until

_RATE = 400  # a second


@row(26, "readings without times, redelivered", "each judged once")
def stamped_on_arrival(bench: Bench) -> Outcome:
    """The daemon is killed and the connection cut at random moments; readings take the time of arrival."""
    lives, chance = (20 if bench.long else 5), random.Random(26)  # noqa: S311 - moments
    failpoint = {"STREAMDETECT_FAILPOINT": "commit.acked@20=kill"}
    plant = bench.plant("persistence true", wired=True, detector={"payload": {}})
    daemon, each = plant.daemon, 2 * _RATE
    sent = 0
    for life in range(lives):
        # In every other life the last thing done is a commit whose acknowledgements nobody gets.
        daemon.environment = failpoint if life % 2 else {}
        daemon.start()
        messages = [
            ("sensors/a", json.dumps({"value": number % 7}).encode()) for number in range(sent, sent + each)
        ]
        sent += each
        with plant.publisher.sending(messages, _RATE):
            pause(chance.uniform(0.2, 1.0))
            plant.wire.cut()
            pause(chance.uniform(0.2, 0.5))
            daemon.kill()
    daemon.environment = {}
    daemon.start()
    until(
        lambda: daemon.metric("mqtt_unacknowledged") == 0 and daemon.metric("inbox_depth") == 0,
        "all acknowledged",
    )
    pause(1.5)
    again = plant.wire.total("again")
    daemon.terminate()
    (state,) = saved(daemon.state).states
    judged = taken(state.detector)
    figure = f"{sent} readings, {lives} kills and cuts, {again} messages sent again: {judged} judged"
    return Outcome(figure, judged == sent and again > 0)
