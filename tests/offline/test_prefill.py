"""A daemon that begins with recorded readings goes on as one that has heard them."""

from __future__ import annotations

from argparse import ArgumentParser

import numpy as np
import orjson
import pytest

from streamdetect.commands import prefilling, run
from streamdetect.config import validate
from streamdetect.errors import DataError
from streamdetect.mqtt.inbox import Message
from streamdetect.offline.recorder import Bounds, Files
from streamdetect.service.assembly import assemble
from streamdetect.service.daemon import Daemon
from streamdetect.service.pipeline import Pipeline

COLUMNS = ("times", "values", "errors", "thresholds", "anomalous")


def configuration(*names, **state):
    detectors = [{"name": name, "topics": [f"{name}/#"], "payload": {"time": "time"}} for name in names]
    return validate({"metrics": {"enabled": False}, "detectors": detectors, **state})


@pytest.fixture
def plant():
    """Readings of four sensors in the order in which they came, some late or twice; one sensor goes wrong."""
    rng = np.random.default_rng(8)
    rows = []
    for at in range(700):
        for sensor in range(4):
            late = rng.choice([0, 0, 0, 0, 0, 5.0, 2.0])
            value = 20 + np.sin(at / 9 + sensor) + rng.normal(0, 0.1) + 15 * (sensor == 1 and at > 560)
            rows.append((float(1.7e9 + 2.0 * at - late + 0.1 * sensor), f"plant/s{sensor}", float(value)))
    return rows


def messages(rows):
    return [
        Message(sensor, orjson.dumps({"time": time, "value": value}), 0, 0, 1, 1.8e9, retain=False)
        for time, sensor, value in rows
    ]


def judged(pipeline, rows):
    found = []
    given = messages(rows)
    for start in range(0, len(given), 100):
        found += pipeline.process(given[start : start + 100]).verdicts
    return [verdicts for _, verdicts in found]


def options(*given):
    parser = ArgumentParser()
    run.add_arguments(parser)
    return parser.parse_args(list(map(str, given)))


def recorded(folder, rows):
    files = Files(folder, ["value"], Bounds(), lambda: 1.7e9)
    files.write(rows)
    files.close()


@pytest.fixture
def daemon():
    made = []

    def make(config):
        made.append(Daemon(config))
        return made[-1]

    yield make
    for one in made:
        one._stop()


def test_the_first_verdicts_are_those_of_a_daemon_that_has_heard_it_all(plant, tmp_path, daemon):
    past, rest = plant[:2400], plant[2400:]
    heard = Pipeline(assemble(configuration("plant")))
    judged(heard, past)
    recorded(tmp_path / "plant", past)
    fresh = daemon(configuration("plant"))
    prefilling.prefill(fresh, options("--prefill", tmp_path))
    one, other = judged(heard, rest), judged(fresh.pipeline, rest)
    assert sum(map(len, one)) > 250
    for name in COLUMNS:
        expected, found = (np.concatenate([getattr(part, name) for part in parts]) for parts in (one, other))
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert [part.transitions for part in one] == [part.transitions for part in other]


def test_only_an_incident_that_is_open_is_told_and_what_is_known_stays(plant, tmp_path, daemon):
    recorded(tmp_path / "records" / "plant", plant)
    config = configuration("plant", state={"directory": str(tmp_path / "state")})
    first = daemon(config)
    prefilling.prefill(first, options("--prefill", tmp_path / "records"))
    columns = first.pipeline.assemblies[0].detector.columns()
    first._committer.commit()
    open_now = int(columns.incident_open.sum())
    assert open_now == 1
    assert [len(lane) for lane in first.outbox.lanes.values()] == [open_now] * 2  # of both sinks
    first._stop()
    again = daemon(config)
    before = again.pipeline.assemblies[0].detector.snapshot()
    prefilling.prefill(again, options("--prefill", tmp_path / "records"))
    after = again.pipeline.assemblies[0].detector.snapshot()
    assert len(before["sensors"]) == 4
    for name, column in before.items():
        np.testing.assert_array_equal(after[name], column, err_msg=name)


def test_each_detector_begins_with_what_is_its_own(plant, tmp_path, daemon):
    for name in ("a", "b"):
        recorded(tmp_path / name, [row for row in plant if row[1].endswith(f"{'ab'.index(name)}")])
    two = daemon(configuration("a", "b"))
    prefilling.prefill(two, options("--prefill", tmp_path))
    assert [one.detector.columns().ids for one in two.pipeline.assemblies] == [["plant/s0"], ["plant/s1"]]
    plain = tmp_path / "plain.csv"
    plain.write_text("time,value\n1700000000,1.5\n1700000001,2\n")
    with pytest.raises(DataError, match=r"which detector is it for\? --detector a|b"):
        prefilling.prefill(two, options("--prefill", plain))
    with pytest.raises(DataError, match="must be one of a, b, got 'c'"):
        prefilling.prefill(two, options("--prefill", plain, "--detector", "c"))
    prefilling.prefill(two, options("--prefill", plain, "--detector", "b"))
    assert two.pipeline.assemblies[1].detector.columns().ids == ["plant/s1", "plain"]
