"""What the driver says of a log that it cannot reach."""

from __future__ import annotations

import logging
from math import isnan
from types import SimpleNamespace

import pytest

pytest.importorskip("pyspark", reason="the extra spark is not installed")

from streamdetect.errors import StreamdetectError
from streamdetect.spark.driving import _behind
from streamdetect.spark.log import Bounds

QUERY = SimpleNamespace(
    lastProgress=SimpleNamespace(sources=[SimpleNamespace(endOffset='{"read": [11, 1], "settled": [5, 1]}')])
)


class Planner:
    def __init__(self, bounds):
        self._bounds = bounds

    def bounds(self):
        if self._bounds is None:
            raise StreamdetectError("NATS: it is gone")
        return self._bounds


def test_what_is_left_is_counted_over_all_partitions():
    assert _behind(QUERY, Planner([Bounds(1, 31), Bounds(1, 6)])) == 25


def test_a_log_that_does_not_answer_leaves_it_unknown_and_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        assert isnan(_behind(QUERY, Planner(None)))
    assert "cannot count the messages that are left: NATS: it is gone" in caplog.text
    assert isnan(_behind(SimpleNamespace(lastProgress=None), Planner([])))
