"""Prometheus reads the right numbers."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from streamdetect.codecs import REASONS
from streamdetect.core.readings import Outcome
from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import SensorColumns
from streamdetect.metrics import Metric, counter, gauge
from streamdetect.monitoring.metrics import Metrics, Model, Watched, _Histogram
from streamdetect.monitoring.reports import BatchReport, DetectorReport
from streamdetect.monitoring.sensor_series import sensor_series
from streamdetect.mqtt.inbox import Inbox, Message

NAN = np.nan


def columns(ids=("a", "b", "c"), features=1) -> SensorColumns:
    count = len(ids)
    return SensorColumns(
        ids=list(ids),
        last_time=1.7e9 + np.arange(count),
        value=np.arange(float(count * features)).reshape(count, features),
        error=np.array([0.5, 0.25, NAN])[np.arange(count) % 3],
        threshold=np.array([0.25, 0.5, NAN])[np.arange(count) % 3],
        score=np.array([2.0, 0.5, NAN])[np.arange(count) % 3],
        views=np.array([[2.0, 1.5], [0.5, NAN], [NAN, NAN]])[np.arange(count) % 3].repeat(
            [1, len(VIEWS) - 1], 1
        ),
        expected=np.array([[1.5], [NAN], [NAN]])[np.arange(count) % 3].repeat(features, 1),
        lower=np.array([[1.0], [NAN], [NAN]])[np.arange(count) % 3].repeat(features, 1),
        upper=np.array([[2.0], [NAN], [NAN]])[np.arange(count) % 3].repeat(features, 1),
        anomalous=np.arange(count) % 3 == 0,
        incident_open=np.arange(count) % 3 == 0,
        withheld=np.arange(count) % 3 == 1,
        silent=np.arange(count) % 3 == 1,
        warming_up=np.arange(count) % 3 == 2,
        readings_to_go=np.where(np.arange(count) % 3 == 2, 100, 0),
        interval=np.array([60.0, 60.0, 0.0])[np.arange(count) % 3],
        drift=np.array([1.75, 1.0, NAN])[np.arange(count) % 3],
        drifting=np.arange(count) % 3 == 0,
    )


def metrics(*, per_sensor=True, max_sensors=1000, **detectors) -> Metrics:
    made = Metrics(per_sensor=per_sensor, max_sensors=max_sensors)
    made.detectors = {
        name: Watched(lambda found=found: found, names, Model("general", "dense", "0123456789abcdef"))
        for name, (found, names) in detectors.items()
    }
    return made


def report(**changes) -> BatchReport:
    return BatchReport(
        **{
            "messages": {"accepted": 3, "rejected": 2},
            "rejected": {"decode": 2},
            "latencies": np.array([0.001, 0.0011, 100.0]),
            "last_arrival": 1.7e9,
            "detectors": [
                DetectorReport("d", np.array([0, 0, 1, 3], np.uint8), 3, 1, ["opened", "updated"], 0.004)
            ],
            **changes,
        }
    )


def samples(exposition: bytes) -> dict[tuple[str, tuple], float]:
    return {
        (sample.name.removeprefix("streamdetect_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def test_reports_add_up():
    made = metrics()
    made.observe(report())
    made.observe(report())
    found = samples(made.exposition())
    d = ("detector", "d")
    assert found["messages_total", (("outcome", "accepted"),)] == 6
    assert found["messages_total", (("outcome", "rejected"),)] == 4
    assert found["messages_total", (("outcome", "retained"),)] == 0
    assert {reason: found["rejected_total", (("reason", reason),)] for reason in REASONS} == {
        reason: 4 * (reason == "decode") for reason in REASONS
    }
    readings = {
        outcome: found["readings_total", (d, ("outcome", outcome.name.lower()))] for outcome in Outcome
    }
    assert readings == {
        Outcome.ACCEPTED: 4,
        Outcome.DUPLICATE: 2,
        Outcome.LATE: 0,
        Outcome.CARDINALITY: 2,
        Outcome.INCOMPLETE: 0,
        Outcome.EXCLUDED: 0,
    }
    assert found["windows_scored_total", (d,)] == 6
    assert found["anomalies_total", (d,)] == 2
    transitions = {
        kind: found["incident_transitions_total", (d, ("kind", kind))] for kind in ("opened", "closed")
    }
    assert transitions == {"opened": 2, "closed": 0}
    assert found["last_message_timestamp_seconds", ()] == 1.7e9


def test_histograms_are_cumulative_and_a_bound_belongs_to_its_bucket():
    made = metrics()
    made.observe(report())
    found = samples(made.exposition())
    latency = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "end_to_end_latency_seconds_bucket"
    }
    assert latency["0.001"] == 1
    assert latency["0.002"] == latency["30.0"] == 2
    assert latency["+Inf"] == found["end_to_end_latency_seconds_count", ()] == 3
    assert found["end_to_end_latency_seconds_sum", ()] == pytest.approx(100.0021)
    assert found["batch_size_sum", ()] == 5
    assert found["inference_duration_seconds_count", ()] == 1


def test_a_batch_without_windows_is_no_inference():
    made = metrics()
    idle = DetectorReport("d", np.zeros(2, np.uint8), 0, 0, [], 0.1)
    made.observe(report(detectors=[idle], latencies=np.empty(0)))
    found = samples(made.exposition())
    assert found["inference_duration_seconds_count", ()] == 0
    assert found["end_to_end_latency_seconds_count", ()] == 0
    assert found["batch_size_count", ()] == 1


def test_before_the_first_message_there_is_no_time_of_it():
    assert ("last_message_timestamp_seconds", ()) not in samples(metrics().exposition())


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e9]), max_size=6), max_size=4))
def test_many_values_at_once_are_each_value_alone(batches):
    stock, ours = (kind("x", "x", buckets=(1.0, 2.0), registry=None) for kind in (Histogram, _Histogram))
    for values in batches:
        ours.observe_all(np.array(values))
        for value in values:
            stock.observe(value)
    assert ours.collect()[0].samples == stock.collect()[0].samples


def test_what_is_read_at_the_scrape():
    made = metrics(d=(columns(), ["value"]))
    inbox = Inbox(1)
    for _ in range(3):
        inbox.put(Message("t", b"", qos=0, mid=0, generation=0, arrival=0.0, retain=False))
    made.parts = [inbox]
    found = samples(made.exposition())
    assert found["inbox_dropped_total", ()] == 2
    assert found["inbox_depth", ()] == 1
    detector = (("detector", "d"),)
    gauges = ("sensors", "sensors_warming_up", "sensors_drifting", "sensors_not_exported", "incidents_open")
    assert [found[name, detector] for name in gauges] == [3, 1, 1, 0, 1]
    assert found["sensor_error_drift", (*detector, ("sensor", "a"))] == 1.75
    labels = (
        ("architecture", "dense"),
        ("bundle", "general"),
        ("detector", "d"),
        ("fingerprint", "0123456789abcdef"),
    )
    assert found["model_info", labels] == 1
    assert any(name == "build_info" for name, _ in found)
    assert found["process_resident_memory_bytes", ()] > 1e6


def part_with(*metrics):
    return SimpleNamespace(metrics=metrics)


def test_a_part_may_have_a_series_for_each_label(monkeypatch):
    monkeypatch.setattr(Metric, "known", {})
    made = metrics()
    made.parts = [part_with(counter("sent", "Sent.", lambda _: {("a",): 1, ("b",): 2}, ("sink",)))]
    found = samples(made.exposition())
    assert [found["sent_total", (("sink", sink),)] for sink in "ab"] == [1, 2]


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("Depth", "Messages.", "lower-case"),
        ("inbox-depth", "Messages.", "lower-case"),
        ("sent_total", "Messages.", "lower-case"),
        ("inbox_depth", "Something else.", "twice"),
        ("brand_new", "", "sentence"),
    ],
)
def test_a_wrong_declaration_fails_where_it_stands(monkeypatch, name, text, rule):
    monkeypatch.setattr(Metric, "known", dict(Metric.known))
    with pytest.raises(ValueError, match=rule):
        gauge(name, text, lambda _: 0)


def test_each_sensor_has_its_series_and_what_is_not_known_has_none():
    found = samples(metrics(d=(columns(), ["value"])).exposition())
    a, c = (("detector", "d"), ("sensor", "a")), (("detector", "d"), ("sensor", "c"))
    assert found["sensor_value", a] == 0.0
    assert found["sensor_reconstruction_error", a] == 0.5
    assert found["sensor_threshold", a] == 0.25
    assert found["sensor_anomaly_score", a] == 2.0
    assert found["sensor_expected", a] == 1.5
    assert (found["sensor_lower", a], found["sensor_upper", a]) == (1.0, 2.0)
    assert found["sensor_view_score", (*a, ("view", "level"))] == 1.5
    assert found["sensor_warmup_readings", a] == found["sensor_warmup_seconds", a] == 0
    assert found["sensor_warmup_readings", c] == 100
    assert found["sensor_anomalous", a] == 1
    assert found["sensor_incident_open", a] == 1
    assert found["sensor_last_reading_timestamp_seconds", a] == 1.7e9
    assert found["sensor_value", c] == 2.0
    assert found["sensor_incident_open", c] == 0
    assert {name for name, labels in found if labels == c} == {
        "sensor_value",
        "sensor_incident_open",
        "sensor_incident_withheld",
        "sensor_silent",
        "sensor_muted",
        "sensor_warmup_readings",
        "sensor_last_reading_timestamp_seconds",
    }


def test_who_is_muted_has_it_in_a_series():
    made = metrics(d=(columns(), ["value"]))
    made.muted = lambda: lambda detector, sensor: (detector, sensor) == ("d", "b")
    found = samples(made.exposition())
    muted = {sensor: found["sensor_muted", (("detector", "d"), ("sensor", sensor))] for sensor in "abc"}
    assert muted == {"a": 0.0, "b": 1.0, "c": 0.0}


def test_several_features_have_a_label():
    text, _ = sensor_series({"d": (columns(["a"], features=2), ["x", 'y"'])}, 10)
    found = samples(text.encode())
    for feature, value in (("x", 0.0), ('y"', 1.0)):
        assert found["sensor_value", (("detector", "d"), ("feature", feature), ("sensor", "a"))] == value


@pytest.mark.parametrize("sensor", ['a"b', "a\\b", "a\nb", 'x",sensor="y', "ä/\u202e"], ids=ascii)
def test_a_sensor_id_cannot_leave_its_label(sensor):
    found = samples(sensor_series({"d": (columns([sensor]), ["value"])}, 10)[0].encode())
    assert found["sensor_value", (("detector", "d"), ("sensor", sensor))] == 0.0
    assert {labels for _, labels in found} <= {
        (("detector", "d"), ("sensor", sensor)),
        *((("detector", "d"), ("sensor", sensor), ("view", view)) for view in VIEWS),
    }


def test_sensors_past_the_cap_are_counted():
    made = metrics(max_sensors=4, d=(columns(), ["value"]), e=(columns(), ["value"]))
    found = samples(made.exposition())
    assert sum(name == "sensor_value" for name, _ in found) == 4
    assert found["sensors_not_exported", (("detector", "d"),)] == 0
    assert found["sensors_not_exported", (("detector", "e"),)] == 2


def test_series_of_sensors_can_be_turned_off():
    found = samples(metrics(per_sensor=False, d=(columns(), ["value"])).exposition())
    assert not any(name.startswith("sensor_") for name, _ in found)
    assert found["sensors_not_exported", (("detector", "d"),)] == 3


def test_promtool_has_nothing_to_say():
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    made = metrics(d=(columns(["a", 'b"'], features=2), ["x", "y"]))
    made.observe(report())
    made.parts = [part_with(*(replace(one, read=lambda _: 1.5) for one in Metric.known.values()))]
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=made.exposition(), capture_output=True, check=False
    )
    assert checked.stdout + checked.stderr == b""
    assert checked.returncode == 0
