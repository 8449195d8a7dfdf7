"""Row 7."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_DELAY, _RATE = 0.2, 10_000  # s, B/s
_MESSAGES = 200  # a second: more than the link carries
_SETTLED = 10.0  # s until buffers are as full as they get


@row(7, "200 ms, 10 kB/s link", "RSS flat +-5 %")
def link_slow(bench: Bench) -> Outcome:
    """More comes in than the link carries."""
    seconds = 180 if bench.long else 45
    plant, workload = bench.plant(wired=True), Workload(steps=_MESSAGES * seconds // 5)
    plant.daemon.start()
    plant.wire.delay, plant.wire.rate = _DELAY, _RATE
    samples = []
    with plant.publisher.sending(workload.messages(), _MESSAGES) as thread:
        pause(_SETTLED)
        while thread.is_alive():
            samples.append(plant.daemon.rss)
            pause(0.5)
    behind = len(workload) - plant.daemon.metric("readings_total")
    plant.wire.delay, plant.wire.rate = 0.0, 0.0
    found = bench.verdict(plant, workload, within=120)
    low, high = (100 * (rss / samples[0] - 1) for rss in (min(samples), max(samples)))
    figure = f"RSS {low:+.1f} .. {high:+.1f} % in {seconds} s, {behind:.0f} messages behind; {found}"
    return Outcome(figure, low >= -5 and high <= 5 and behind > 0 and not found)
