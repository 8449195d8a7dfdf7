"""Events are valid, say what happened, and can be recognised when they come twice."""

from __future__ import annotations

import ctypes
import json
import math
from dataclasses import replace
from importlib.resources import files
from math import nan
from typing import get_args

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs.ids import escaped
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.drift import Drifted
from streamdetect.core.incidents import IncidentSettings, Reason
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.core.transitions import Transition
from streamdetect.sinks.events import DRIFTED, EventEncoder, example
from streamdetect.sinks.mqtt import topic_levels
from streamdetect.times import rfc3339

SCHEMA = json.loads(files("streamdetect.sinks").joinpath("event.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

OPENED = Transition(
    kind="opened",
    sensor="hall/a",
    time=1714564800.25,
    started=1714564790.0,
    ended=None,
    fault="level",
    direction="up",
    views={"level": 3.0, "range": 0.5},
    feature=0,
    value=(21.5,),
    expected=(20.0,),
    lower=(18.5,),
    upper=(21.25,),
    error=0.5,
    threshold=0.25,
    mean=0.125,
    sigma=0.0625,
    score=2.0,
    severity="critical",
    peak_error=0.75,
    peak_score=3.0,
    peak_time=1714564795.0,
    peak_value=(22.5,),
    windows=4,
    held=math.nan,
    most=math.nan,
    limit=math.nan,
    feature_errors=(0.5,),
    reason="",
)


def encoder(**changes) -> EventEncoder:
    return EventEncoder(
        **{
            "detector": "default",
            "source": "/streamdetect/plant",
            "bundle": "0123456789abcdef",
            "features": ["value"],
            "labels": {"site": "north", "team": "a"},
            **changes,
        }
    )


def decoded(event) -> dict:
    cloud_event = json.loads(event.payload)
    VALIDATOR.validate(cloud_event)
    assert cloud_event["id"] == event.id
    return cloud_event


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_describes_every_property():
    """Programs that show the schema have something to show."""

    def properties(section):
        for name, part in section["properties"].items():
            yield name, part
            if "properties" in part:
                yield from properties(part)

    parts = (SCHEMA, SCHEMA["$defs"]["data"], SCHEMA["$defs"]["drift"])
    found = [one for part in parts for one in properties(part)]
    assert len(found) > 25
    assert [name for name, part in found if not part.get("description", "").endswith(".")] == []


def test_the_schema_knows_every_reason():
    reasons = SCHEMA["$defs"]["data"]["properties"]["reason"]["enum"]
    assert set(reasons) == set(get_args(Reason))


def test_a_model_that_drifted_is_told_with_what_to_do():
    drifted = Drifted("hall/a", 1.7e9, 1.69e9, 0.297, 0.147)
    made = encoder().encode_drift(drifted, {"room": "hall"})
    event = decoded(made)
    assert (made.detector, made.sensor, event["subject"]) == ("default", "hall/a", "hall/a")
    assert event["type"] == "io.streamdetect.model.drifted"
    assert event["data"]["labels"] == {"site": "north", "team": "a", "room": "hall"}
    assert event["data"]["ratio"] == pytest.approx(2.0)
    assert event["data"]["message"] == (
        "hall/a: the model fits worse than it did, its usual error is 2.0 times that of the first week; "
        "train another one"
    )
    assert encoder().encode_drift(drifted, {}).id == made.id
    assert encoder().encode_drift(drifted._replace(time=1.7e9 + 1), {}).id != made.id


def test_an_event_says_what_happened():
    event = encoder().encode(OPENED, {"room": "hall", "team": "b"})
    assert (event.detector, event.sensor) == ("default", "hall/a")
    cloud_event = decoded(event)
    data = cloud_event.pop("data")
    assert cloud_event == {
        "specversion": "1.0",
        "id": event.id,
        "source": "/streamdetect/plant",
        "type": "io.streamdetect.anomaly.opened",
        "subject": "hall/a",
        "time": "2024-05-01T12:00:00.250000Z",
        "datacontenttype": "application/json",
    }
    assert data == {
        "message": "hall/a 21.5, usually 18.5 to 21.2, for 10 s",
        "detector": "default",
        "sensor": "hall/a",
        "incident": data["incident"],
        "labels": {"site": "north", "team": "b", "room": "hall"},
        "value": 21.5,
        "unit": None,
        "kind": "level",
        "direction": "up",
        "views": {"level": 3.0, "range": 0.5},
        "feature": "value",
        "expected": 20.0,
        "lower": 18.5,
        "upper": 21.25,
        "error": 0.5,
        "threshold": 0.25,
        "mean": 0.125,
        "sigma": 0.0625,
        "score": 2.0,
        "severity": "critical",
        "feature_errors": {"value": 0.5},
        "started": "2024-05-01T11:59:50.000000Z",
        "ended": None,
        "duration_seconds": 10.25,
        "peak": {"value": 22.5, "error": 0.75, "score": 3.0, "time": "2024-05-01T11:59:55.000000Z"},
        "windows": 4,
        "reason": "",
        "recurs_seconds": None,
        "bundle": "0123456789abcdef",
    }


def test_several_features_go_by_name():
    two = dict.fromkeys(("value", "expected", "lower", "upper", "peak_value"), (1.0, 2.0))
    transition = replace(OPENED, **two, feature=1, feature_errors=(0.25, 0.75))
    data = decoded(encoder(features=["temperature", "humidity"]).encode(transition, {}))["data"]
    assert data["value"] == {"temperature": 1.0, "humidity": 2.0}
    assert data["upper"] == data["peak"]["value"] == {"temperature": 1.0, "humidity": 2.0}
    assert data["feature"] == "humidity"
    assert data["feature_errors"] == {"temperature": 0.25, "humidity": 0.75}


@pytest.mark.parametrize(
    ("units", "labels", "unit", "said"),
    [
        ("°C", {}, "°C", "21.5 °C"),
        ({"value": "°C"}, {}, {"value": "°C"}, "21.5 °C"),
        ("°C", {"unit": "K"}, "K", "21.5 K"),
        ("°C", {"unit": "%C2%B5m%2Fs"}, "µm/s", "21.5 µm/s"),
        ("", {}, None, "21.5,"),
    ],
)
def test_the_unit_is_the_labels_or_the_configurations(units, labels, unit, said):
    data = decoded(encoder(units=units).encode(OPENED, labels))["data"]
    assert data["unit"] == unit
    assert said in data["message"]


@pytest.mark.parametrize(
    ("sensor", "said"),
    [
        ("k%C3%BCche/Living%20Room", "küche/Living Room "),
        ("%E5%86%B7%E5%87%8D%E5%BA%AB", "冷凍庫 "),
        ("%3Cb%3Ea", "%3Cb%3Ea "),  # what may mean something to a channel stays as it is
        ("%5Bx%5D", "%5Bx%5D "),
        ("a%0Ab", "a%0Ab "),
        ("a%E2%80%AEb", "a%E2%80%AEb "),
    ],
)
def test_the_message_names_the_sensor_as_people_read_it(sensor, said):
    data = decoded(encoder().encode(replace(OPENED, sensor=sensor), {}))["data"]
    assert data["sensor"] == sensor
    assert data["message"].startswith(said)


def test_a_test_event_says_that_it_is_one():
    event = example("/streamdetect/plant", 1714564800.25)
    assert event.facts["data"]["message"].startswith("This is a test: test sensor \N{MINUS SIGN}9.1 °C")
    assert event.facts["id"] == event.id


def test_what_is_not_known_is_null():
    data = decoded(encoder().encode(replace(OPENED, threshold=nan, mean=nan, sigma=nan, score=nan), {}))[
        "data"
    ]
    assert [data[name] for name in ("threshold", "mean", "sigma", "score")] == [None] * 4


def test_a_closed_incident_says_when_it_ended_and_why():
    closed = replace(
        OPENED, kind="closed", ended=OPENED.started + 60, time=OPENED.started + 90, reason="recovered"
    )
    cloud_event = decoded(encoder().encode(closed, {}))
    assert cloud_event["type"] == "io.streamdetect.anomaly.closed"
    assert cloud_event["data"]["duration_seconds"] == 60.0
    with pytest.raises(jsonschema.ValidationError):
        decoded(encoder().encode(replace(closed, reason=""), {}))


def test_the_same_event_has_the_same_id_and_any_other_another():
    def ids(transition, **changes):
        event = encoder(**changes).encode(transition, {})
        return event.id, decoded(event)["data"]["incident"]

    first = ids(OPENED)
    assert ids(replace(OPENED, error=0.6)) == first
    updated = ids(replace(OPENED, kind="updated", time=OPENED.time + 1))
    closed = ids(replace(OPENED, kind="closed", time=OPENED.time + 1, ended=OPENED.time, reason="recovered"))
    assert updated[1] == closed[1] == first[1], "one incident"
    others = [
        updated,
        closed,
        ids(replace(OPENED, kind="updated", time=OPENED.time + 2)),
        ids(replace(OPENED, sensor="hall/b")),
        ids(OPENED, detector="other"),
        ids(OPENED, bundle="f" * 16),
        ids(replace(OPENED, started=OPENED.started - 1)),
    ]
    assert len({first[0], *(event for event, _ in others)}) == len(others) + 1
    assert len({first[1], *(incident for _, incident in others[3:])}) == 5


def test_an_event_that_waits_takes_no_more_memory_than_its_text():
    size = getattr(ctypes.CDLL(None), "malloc_usable_size", None)
    if size is None:
        pytest.skip("the C library here does not tell how large a block is")
    size.argtypes, size.restype = (ctypes.c_void_p,), ctypes.c_size_t
    payload = encoder().encode(OPENED, {}).payload
    assert len(payload) < size(id(payload)) < len(payload) + 256


def test_the_events_of_a_real_detector_are_valid():
    settings = DetectorSettings(
        time_steps=4,
        features=2,
        scaling=Scaling("none"),
        idle_after=1e6,
        judging=JudgeSettings(level=0.3),
        incidents=IncidentSettings(
            excess=0.0,
            close_after=1,
            update_every=5,
            critical_score=3.0,
            regime_change_after=60.0,
            regime_readings=10,
        ),
        rules=(Rule(views=("reconstruction", "silent")),),
    )
    detector = Detector(settings, np.zeros_like)
    level = np.concatenate(
        [np.full(50, 0.1), np.full(8, 5.0), np.full(20, 0.1), np.full(80, 9.0), np.full(9, 99.0)]
    )
    values = np.column_stack([level, -level])
    times = 1714564800.0 + np.arange(len(level))
    verdicts = detector.process(Readings(["a/b"] * len(level), times, values))
    transitions = [*verdicts.transitions, *detector.evict(2e9)]
    encode = encoder(features=["x", "y"]).encode
    types = {decoded(encode(transition, {}))["type"] for transition in transitions}
    assert types == set(SCHEMA["properties"]["type"]["enum"]) - {DRIFTED}
    # "restarted" is what the daemon says of detectors that are no more
    others = {"accepted", "excluded", "restarted"}
    assert {transition.reason for transition in transitions} == set(get_args(Reason)) - others
    assert len({encode(transition, {}).id for transition in transitions}) == len(transitions)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_nothing_gets_into_a_topic_as_it_came_in(sensor):
    levels = topic_levels(sensor)
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-%/")
    assert set(levels) <= allowed
    assert levels.count("/") == sensor.count("/")
    if set(sensor) <= allowed - {"%"}:
        assert levels == sensor


def test_two_sensors_never_share_a_topic():
    odd = ["a b", "a%20b", "a+b", "a#", "a~", "a%7E", "ä", "a\u202eb", "a\nb"]
    sensors = [escaped(text) for text in odd]  # as they come from topics and payloads
    assert [topic_levels(sensor) for sensor in sensors] == sensors
    assert len(set(sensors)) == len(odd)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (-1.5, "1969-12-31T23:59:58.500000Z"),
        (1714564800.123456, "2024-05-01T12:00:00.123456Z"),
        (253402214400.0, "9999-12-31T00:00:00.000000Z"),
    ],
)
def test_times_are_rfc_3339_in_utc(time, text):
    assert rfc3339(time) == text


KNOWN = st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = KNOWN | st.just(nan)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.floats(-6e10, 2e11)


@given(
    sensor=TEXT.filter(bool),
    labels=st.dictionaries(TEXT, TEXT, max_size=3),
    numbers=st.fixed_dictionaries(
        {
            "value": st.tuples(KNOWN),
            "error": KNOWN.map(abs),
            "peak_error": KNOWN.map(abs),
            "threshold": ANYTHING,
            "mean": ANYTHING,
            "sigma": ANYTHING.map(abs),
        }
    ),
    started=TIMES,
    lasted=st.floats(0, 1e9),
)
def test_any_transition_is_a_valid_event(sensor, labels, numbers, started, lasted):
    transition = replace(OPENED, sensor=sensor, started=started, time=started + lasted, **numbers)
    event = encoder().encode(transition, labels)
    document = json.loads(event.payload)
    VALIDATOR.validate(document)
    assert document["data"]["sensor"] == sensor
