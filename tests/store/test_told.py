"""A person's answer is in the journal: the replayed detector is the live one to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import Live, batches, same

from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store import Change, Store, Told, tell
from streamdetect.store.journal import decode, encode
from streamdetect.store.replay import replay

SAID = [Told("lab", "s0", 0.5), Told("lab", "ä\n", None), Told("lab", "s1", 2.0)]


def test_an_entry_reads_as_it_was_written():
    assert decode(encode(SAID)) == SAID


@given(
    stream=batches(),
    said=st.lists(st.tuples(st.integers(0, 11), st.sampled_from([None, 0.25, 4.0])), max_size=6),
)
def test_a_detector_that_was_told_is_replayed_exactly(stream, said, directory):
    path, live = directory(), Live(max_sensors=7)
    store = Store(path, 300.0)
    store.load()
    store.commit(Change(), [live.state])
    for at, readings in enumerate(stream):
        entries = list(filter(None, [live.feed(readings)]))
        for _, sensitivity in (one for one in said if one[0] == at):
            told = Told("lab", readings.sensors[0], sensitivity)
            if readings.sensors[0] in live.detector.sensors:
                tell(live.detector, told)
                entries.append(told)
        store.commit(Change(entries))
    store.close()
    store = Store(path, 300.0)
    (state,) = store.load().states
    store.close()
    assert store.set_aside == 0
    assert same(state.detector, live.detector)


def test_what_was_said_changes_verdicts_from_then_on():
    def scores(factor) -> np.ndarray:
        live = Live()
        values = np.random.default_rng(1).normal(size=(80, 1))
        live.feed(Readings(["s0"] * 60, 1e9 + np.arange(60.0), values[:60]))
        tell(live.detector, Told("lab", "s0", factor))
        live.feed(Readings(["s0"] * 20, 1e9 + np.arange(60.0, 80.0), values[60:]))
        return live.detector.columns().score

    assert scores(0.5) == pytest.approx(0.5 * scores(1.0))


def test_a_journal_about_an_unknown_sensor_is_refused():
    live = Live()
    with pytest.raises(StateError, match="must be of sensors that are known, got 'nobody'"):
        replay([live.state], [Told("lab", "nobody", 0.5)])
