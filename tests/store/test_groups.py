"""Incidents that overlap and have something in common are one group, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.store.groups import groups
from streamdetect.store.history import Incident


def incident(name, started, ended, detector="pumps", **labels) -> Incident:
    return Incident(
        name, detector, name, started, ended, started, "warning", name, "", "", {"labels": labels}
    )


def names(*incidents) -> list[str]:
    return ["".join(one.id for one in group.incidents) for group in groups(incidents, widen=10.0)]


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([incident("b", 20.0, 90.0)], ["ab"]),  # within
        ([incident("b", 105.0, 150.0)], ["a", "b"]),  # it touches the widened one, no more
        ([incident("b", 95.0, 110.0)], ["ab"]),
        ([incident("b", 500.0, 600.0)], ["a", "b"]),
        ([incident("b", 20.0, 90.0, "others")], ["a", "b"]),
        ([incident("b", 20.0, 90.0, "others", site="x")], ["a", "b"]),
        ([incident("b", 20.0, 90.0, "others", site="north")], ["ab"]),
        ([incident("b", 60.0, 160.0), incident("c", 120.0, 220.0)], ["abc"]),  # over another
        ([incident("b", 50.0, None)], ["ab"]),  # it goes on
        ([incident("b", 0.0, 1000.0), incident("c", 900.0, 950.0)], ["abc"]),
    ],
)
def test_what_belongs_together(others, found):
    assert names(incident("a", 0.0, 100.0, site="north"), *others) == found


def test_who_began_is_first():
    (group,) = groups([incident("late", 50.0, 90.0), incident("early", 0.0, 100.0)])
    assert group.first.id == "early"


INCIDENTS = st.lists(
    st.tuples(st.floats(0, 1000), st.none() | st.floats(0, 500), st.sampled_from(["x", "y"])), max_size=12
)


@given(INCIDENTS, st.randoms())
def test_every_incident_is_in_one_group_whatever_the_order(found, chance):
    incidents = [
        incident(f"i{at}", started, None if lasts is None else started + lasts, detector)
        for at, (started, lasts, detector) in enumerate(found)
    ]
    expected = groups(incidents)
    assert sorted(one.id for group in expected for one in group.incidents) == sorted(
        one.id for one in incidents
    )
    chance.shuffle(incidents)
    assert groups(incidents) == expected
