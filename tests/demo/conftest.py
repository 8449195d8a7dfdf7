"""A demo without a network: its own plant, detector and screen, fed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamdetect.demo.running import Demo
from streamdetect.mqtt.inbox import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_ONCE = 1024  # messages; any number gives the same verdicts


@pytest.fixture
def demo(tmp_path) -> Iterator[Demo]:
    """One whose broker nobody has started."""
    one = Demo(1, tmp_path, sensors=24, seed=0, speed=100.0, seconds=1.0)
    yield one
    one._daemon.http.close()
    one._daemon._store.close()


@pytest.fixture
def advance(demo) -> Callable[[int], None]:
    """Take the plant so many steps on, and the daemon's pipeline with it."""

    def steps(count: int) -> None:
        messages = []
        for step in range(count):
            time = demo.feed.time = demo.feed.pace.time_of(demo.plant.steps, 2e9)
            messages += [
                Message(reading.topic, reading.payload, 1, 0, 1, time, retain=False)
                for reading in demo.plant.step(time)
            ]
            if len(messages) >= AT_ONCE or step == count - 1:
                demo._watch(demo._daemon.pipeline.process(messages))
                messages = []

    return steps
