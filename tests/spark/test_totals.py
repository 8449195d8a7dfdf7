"""The metrics of the cluster: the daemon's names, with the shard as a label."""

import re

import numpy as np
import orjson
import pytest
from assembling import pack, shard
from prometheus_client.parser import text_string_to_metric_families

from streamdetect.core.readings import Readings
from streamdetect.monitoring.metrics import Metrics
from streamdetect.spark.totals import Totals


def result_of(one, readings):
    work = one.work(one.process([pack(0, [0, len(readings.times) - 1], readings)]))
    said = {"work": work, "counts": [[{"accepted": 7, "rejected": 1}, {"type": 1}, 1.7e9]], "events": []}
    return one.place.number, orjson.loads(orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY))


@pytest.fixture
def families():
    totals = Totals()
    readings = Readings(["a"] * 4, 1e9 + np.array([0.0, 1.0, 1.0, 0.5]), np.zeros((4, 1)))
    totals.observe([result_of(shard(2, 4), readings)])
    return {one.name: one for one in text_string_to_metric_families(totals.exposition().decode())}


def samples(family):
    """By the values of the labels, in the order of their names."""
    return {tuple(value for _, value in sorted(one.labels.items())): one.value for one in family.samples}


def test_counters_and_gauges_have_the_shard(families):
    readings = samples(families["streamdetect_readings"])
    assert readings["default", "accepted", "2"] == 2
    assert readings["default", "duplicate", "2"] == readings["default", "late", "2"] == 1
    assert samples(families["streamdetect_sensors"]) == {("default", "2"): 1}
    assert samples(families["streamdetect_sensors_warming_up"]) == {("default", "2"): 1}


def test_messages_are_counted_before_they_have_a_shard(families):
    assert samples(families["streamdetect_messages"])["accepted",] == 7
    assert samples(families["streamdetect_rejected"])["type",] == 1
    assert samples(families["streamdetect_last_message_timestamp_seconds"])[()] == 1.7e9


def test_names_and_meanings_are_those_of_the_daemon(families):
    daemon = Metrics(per_sensor=False, max_sensors=0).exposition().decode()
    known = dict(re.findall(r"^# HELP (\S+?)(?:_total)? (.*)$", daemon, re.MULTILINE))
    own = {name for name in families if not name.startswith("streamdetect_spark_")}
    assert {name: families[name].documentation for name in own} == {name: known[name] for name in own}
