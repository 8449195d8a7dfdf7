"""The sentence says what anybody would ask first, in the sensor's unit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.sinks.message import Facts, duration, sentence

FREEZER = Facts(
    "opened", "freezer", {"value": -9.14}, 7200.0, 3.2, lower=-19.3, upper=-16.8, expected=-18.0, unit="°C"
)
BARE = Facts("opened", "hall/a", {"value": 21.5}, 10.0, 2.04)


def said(**changes) -> str:
    return sentence(replace(FREEZER, **changes)).replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "drift", "direction": "up"}, "freezer -9.1 °C, usually -19.3 to -16.8, rising for 2 h"),
        ({"kind": "drift", "direction": "down"}, "freezer -9.1 °C, usually -19.3 to -16.8, falling for 2 h"),
        ({"kind": "level", "seconds": 1200.0}, "freezer -9.1 °C, usually -19.3 to -16.8, for 20 min"),
        ({"kind": "spike", "worst": 30.42}, "freezer 30.4 °C, usually -19.3 to -16.8"),
        ({"kind": "noise"}, "freezer -9.1 °C fluctuates more than usual, for 2 h"),
        ({"kind": "stuck"}, "freezer -9.1 °C has not changed for too long"),
        (
            {"kind": "stuck", "held": 1200.0, "most": 15.0},
            "freezer -9.1 °C has not changed for 20 min, at most 15 s before",
        ),
        ({"kind": "silent"}, "freezer has been silent for too long, last -9.1 °C"),
        ({"kind": "silent", "held": 600.0}, "freezer has been silent for 10 min, last -9.1 °C"),
        (
            {"kind": "silent", "held": 600.0, "most": 61.0},
            "freezer has been silent for 10 min, at most 1 min before, last -9.1 °C",
        ),
        (
            {"edge": "closed", "reason": "recovered", "kind": "silent", "held": 7800.0},
            "freezer is heard again after 2 h 10 min: -9.1 °C",
        ),
        (
            {"edge": "closed", "reason": "recovered", "kind": "stuck"},
            "freezer changes again after 2 h: -9.1 °C",
        ),
        ({"kind": "rhythm"}, "freezer: a cycle takes too long"),
        (
            {"kind": "rhythm", "held": 2520.0, "most": 1800.0},
            "freezer: a cycle takes 42 min, at most 30 min before",
        ),
        (
            {"edge": "closed", "reason": "recovered", "kind": "rhythm"},
            "freezer is back to its rhythm after 2 h",
        ),
        ({"kind": "shape"}, "freezer -9.1 °C: unusual pattern, for 2 h"),
        (
            {"kind": "limit", "limit": -15.0, "worst": -9.0},
            "freezer -9.1 °C, above its limit of -15, for 2 h",
        ),
        (
            {"kind": "limit", "limit": -2.5, "worst": -9.1},
            "freezer -9.1 °C, below its limit of -2.5, for 2 h",
        ),
        ({"kind": "limit"}, "freezer -9.1 °C, beyond its limit, for 2 h"),
        ({"kind": "level", "lower": None}, "freezer -9.1 °C, usually at most -16.8, for 2 h"),
        ({"kind": "level", "upper": None}, "freezer -9.1 °C, usually at least -19.3, for 2 h"),
        ({"edge": "closed", "reason": "excluded"}, "freezer is excluded from now on; its incident ends"),
        ({"kind": "rate", "direction": "up"}, "freezer -9.1 °C rises faster than it may, for 2 h"),
        ({"seconds": 0.0, "kind": "level"}, "freezer -9.1 °C, usually -19.3 to -16.8"),
        (
            {"edge": "closed", "reason": "recovered", "worst": -3.02, "values": {"value": -18.2}},
            "freezer is back to normal after 2 h: -18.2 °C, at worst -3.0 °C",
        ),
        (
            {"edge": "closed", "reason": "recovered", "kind": "silent"},
            "freezer is heard again after 2 h: -9.1 °C",
        ),
        (
            {"edge": "closed", "reason": "regime_change"},
            "freezer: -9.1 °C after 2 h, taken for the new normal",
        ),
        ({"edge": "closed", "reason": "accepted"}, "freezer: -9.1 °C after 2 h, said to be normal"),
        (
            {"edge": "closed", "reason": "recovered", "recurs": 28_800.0},
            (
                "freezer is back to normal after 2 h: -9.1 °C. "
                "This comes back about every 8 h and is told from now on only if it goes further "
                "or lasts longer"
            ),
        ),
        (
            {"kind": "level", "recurs": 86_400.0},
            (
                "freezer -9.1 °C, usually -19.3 to -16.8, for 2 h; "
                "this goes further or lasts longer than what comes back about every day"
            ),
        ),
        ({"edge": "regime_changed"}, "freezer -9.1 °C is the new normal"),
    ],
)
def test_a_sentence(changes, text):
    assert said(**changes) == text


def test_without_a_band_it_says_how_far_the_error_is_over_its_limit():
    assert sentence(BARE) == "hall/a 21.5: unusual pattern, 2.0 times the limit, for 10 s"


def test_of_several_features_it_names_the_one_that_it_is_about():
    facts = replace(BARE, values={"temperature": 71.2, "speed": 1480.0}, kind="shape", feature="speed")
    assert sentence(facts) == "hall/a: unusual pattern, speed most, for 10 s"
    level = replace(facts, kind="level", lower=1200.0, upper=1300.0, unit="rpm")
    assert sentence(level) == "hall/a speed 1480 rpm, usually 1200 to 1300, for 10 s"
    assert (
        sentence(replace(facts, kind=None, feature=None))
        == "hall/a: unusual pattern, 2.0 times the limit, for 10 s"
    )


@pytest.mark.parametrize(
    ("value", "lower", "upper", "text"),
    [
        (0.00123, 0.001, 0.0012, "x 0.00123, usually 0.00100 to 0.00120"),
        (123456.0, 100000.0, 110000.0, "x 123456, usually 100000 to 110000"),
        (5.0, 5.0, 5.0, "x 5.00, usually 5.00 to 5.00"),
    ],
)
def test_as_many_decimals_as_tell_the_band_apart(value, lower, upper, text):
    assert (
        sentence(Facts("opened", "x", {"value": value}, 0.0, 2.0, kind="level", lower=lower, upper=upper))
        == text
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (119, "2 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (7199, "2 h"),
        (86_400 * 3 + 3600, "3 d 1 h"),
    ],
)
def test_a_duration_is_written_as_people_do(seconds, text):
    assert duration(seconds) == text


FLOATS = st.none() | st.floats(allow_nan=True, allow_infinity=False)


@given(
    edge=st.sampled_from(["opened", "updated", "closed", "regime_changed"]),
    kind=st.sampled_from(
        [None, "spike", "level", "drift", "noise", "shape", "stuck", "silent", "limit", "rate", "rhythm"]
    ),
    reason=st.sampled_from(["", "recovered", "regime_change", "evicted", "excluded", "restarted"]),
    direction=st.sampled_from([None, "up", "down"]),
    numbers=st.fixed_dictionaries(dict.fromkeys(("worst", "expected", "lower", "upper"), FLOATS)),
    values=st.dictionaries(st.sampled_from("ab"), st.floats(allow_infinity=False), min_size=1),
    seconds=st.floats(0, 1e9),
)
def test_any_facts_are_one_clean_sentence(edge, kind, reason, direction, numbers, values, seconds):
    text = sentence(
        Facts(edge, "s", values, seconds, 2.0, reason, kind, direction, None, unit="K", **numbers)
    )
    assert text.startswith("s")
    assert text == text.strip()
    assert not any(bad in text for bad in ("nan", "None", "  ", " ,", "inf"))
