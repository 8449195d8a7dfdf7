"""Objects of columns: each row is a reading."""

from __future__ import annotations

import orjson
import pytest

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

NOW = 1_700_000_000


def decoded(document, **settings):
    return codec(PayloadSettings(**settings)).decode(orjson.dumps(document), NOW + 60)


def reason(document, **settings):
    with pytest.raises(RejectedPayload) as rejected:
        decoded(document, **settings)
    return rejected.value.reason


def test_rows_are_readings_in_order_of_time():
    document = {"d": {"t": [NOW + 1, NOW], "v": [2, "1"]}}
    samples, faults = decoded(document, value="d.v", time="d.t")
    assert list(samples) == [((), NOW, (1.0,)), ((), NOW + 1, (2.0,))]
    assert not faults


def test_what_is_the_same_for_all_rows_may_stand_beside_the_columns():
    document = {"site": "north", "unit": ["a", "b"], "t": [NOW, NOW], "x": [1, 2], "y": 3}
    settings = {"values": {"x": "x", "y": "y"}, "labels": {"site": "site", "unit": "unit"}, "time": "t"}
    samples, _ = decoded(document, **settings)
    assert list(samples) == [(("north", "a"), NOW, (1.0, 3.0)), (("north", "b"), NOW, (2.0, 3.0))]


def test_a_bad_cell_costs_only_itself():
    document = {"t": [NOW, NOW + 1, "?"], "a": [1, None, 3], "b": ["x", 5, 6]}
    samples, faults = decoded(document, values={"a": "a", "b": "b"}, fields="per_sensor", time="t")
    assert list(samples) == [(("a",), NOW, (1.0,)), (("b",), NOW + 1, (5.0,))]
    assert sorted(fault.reason for fault in faults) == ["time", "type"]


def test_columns_of_different_lengths_are_no_table():
    assert reason({"t": [NOW, NOW + 1], "v": [1, 2, 3]}, value="v", time="t") == "type"
    assert reason({"t": NOW, "v": [1, 2]}, value="v", time="t") == "type"


def test_without_times_there_may_be_one_row():
    assert list(decoded({"v": [5]}, value="v").samples) == [((), NOW + 60, (5.0,))]
    assert reason({"v": [5, 6]}, value="v") == "time"
    assert reason({"v": []}, value="v") == "empty"
