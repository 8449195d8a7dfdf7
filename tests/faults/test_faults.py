"""The quick rows of the fault matrix, and whether the oracle sees what it must; run.sh runs all rows."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import rows
from rig.bench import EVENTFUL, ROWS, Bench
from rig.oracle import Expected, differences, taken
from rig.workload import Workload

from streamdetect.core.readings import Readings

QUICK = (3, 9, 16, 17, 21, 27, 31)
CONFIG = {"detectors": [{"name": "lab"} | EVENTFUL]}

rows.load()


def test_the_matrix_has_every_row():
    assert sorted(ROWS) == list(range(1, 39))


@pytest.mark.faults
@pytest.mark.parametrize("number", QUICK, ids=lambda number: ROWS[number].run.__name__)
def test_a_row_holds(number, tmp_path):
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with Bench(tmp_path, long=False) as bench:
        outcome = ROWS[number].run(bench)
    assert outcome.holds, outcome.figure


@pytest.mark.parametrize("lost", [0, 777, 1999])
def test_one_lost_reading_is_seen(lost):
    workload = Workload()
    expected, found = Expected(CONFIG), Expected(CONFIG)
    everything = workload.readings()
    expected.feed(everything)
    found.feed(
        Readings(
            [sensor for at, sensor in enumerate(everything.sensors) if at != lost],
            np.delete(everything.times, lost),
            np.delete(everything.values, lost, axis=0),
        )
    )
    assert taken(expected.detector) - taken(found.detector) == 1
    assert "cutter.windows.filled" in differences(expected.detector, found.detector)


def test_one_changed_value_is_seen():
    workload = Workload()
    expected, found = Expected(CONFIG), Expected(CONFIG)
    expected.feed(workload.readings())
    other = workload.readings()
    other.values[3] += 1e-9
    found.feed(other)
    assert taken(expected.detector) == taken(found.detector)
    assert differences(expected.detector, found.detector)


def test_a_workload_brings_events_and_its_batches_do_not_matter():
    whole, pieces = Expected(CONFIG), Expected(CONFIG)
    workload = Workload()
    whole.feed(workload.readings())
    for first in range(0, len(workload), 7):
        pieces.feed(workload.readings(first, first + 7))
    assert len(whole.events) > 50
    assert sorted(whole.events) == sorted(pieces.events)
    assert not differences(whole.detector, pieces.detector)
