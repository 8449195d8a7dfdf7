"""Strict counting, by hand-computed examples; a reading a second unless said otherwise."""

from __future__ import annotations

import math
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.offline.backtest.faults import Fate, Span, meet, usual_step

LONG = Span(1000, 1100)
SHORT = Span(1000, 1010)


@pytest.mark.parametrize(
    ("fault", "incident", "found", "late", "false"),
    [
        (LONG, (1000, 1100), True, False, False),
        (LONG, (1100, 1200), True, False, False),
        (LONG, (995, 1000), True, False, False),  # five readings before it, still open as it begins
        (LONG, (995, 999), False, False, False),  # closed before it began: neither found nor false
        (LONG, (994, 1200), False, False, True),  # a false alarm that happens to last
        (LONG, (1101, 1200), False, True, True),  # told when it was over
        (LONG, (1160, 1200), False, True, True),
        (LONG, (1161, 1200), False, False, True),
        (SHORT, (1020, 1030), True, False, False),
        (SHORT, (1021, 1030), False, True, True),
    ],
)
def test_one_incident(fault, incident, found, late, false):
    met = meet([fault], [Span(*incident)], 1.0)
    (fate,) = met.fates
    assert (fate.found, fate.late, bool(met.false)) == (found, late, false)
    assert fate.delay == max(0, incident[0] - fault.start) if found else math.isnan(fate.delay)


def test_the_return_to_normal_is_not_false_after_a_found_fault():
    met = meet([LONG], [Span(1050, 1090), Span(1110, 1120), Span(1170, 1180)], 1.0)
    assert met.fates[0].by == 0
    assert met.false == (2,)


def test_cover_delay_and_again():
    faults = [Span(0, 100), Span(1000, 1100), Span(2000, 2010), Span(3000, 3100)]
    met = meet(faults, [Span(10, 30), Span(40, 500), Span(1090, 2005), Span(3050, inf)], 1.0)
    assert [fate.cover for fate in met.fates[:2]] == [0.8, 0.1]
    assert math.isnan(met.fates[2].cover)
    assert met.fates[3].cover == 0.5
    assert [fate.found for fate in met.fates] == [True, True, False, True]
    assert [fate.again for fate in met.fates] == [False, True, True, True]
    assert [fate.delay for fate in met.fates if fate.found] == [10, 90, 50]
    assert met.false == ()


spans = st.lists(st.integers(0, 4000), max_size=12, unique=True).map(
    lambda edges: [
        Span(float(a), float(b)) for a, b in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)
    ]
)


@given(spans, spans, st.sampled_from([1.0, 20.0]))
def test_every_incident_is_false_or_explained_and_time_has_no_unit(faults, incidents, step):
    met = meet(faults, incidents, step)
    assert [fate.fault for fate in met.fates] == faults
    assert not {fate.by for fate in met.fates} & set(met.false)
    wider = meet(*([Span(60 * a, 60 * b) for a, b in part] for part in (faults, incidents)), 60 * step)
    assert wider.false == met.false
    assert [fate.by for fate in wider.fates] == [fate.by for fate in met.fates]
    assert all(0 <= fate.cover <= 1 or math.isnan(fate.cover) for fate in met.fates)
    assert [one.found for one in meet(faults, faults, step).fates] == [True] * len(faults)


def test_the_usual_step():
    assert usual_step([0, 60, 120, 5000, 5060]) == 60
    assert usual_step([5, 5, 5]) == usual_step([]) == 1.0
    assert Fate(LONG, 0, late=False, delay=0.0, cover=1.0, again=False).found
    assert np.isnan(meet([LONG], [], 1.0).fates[0].delay)
