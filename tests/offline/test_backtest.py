"""Recordings through the detector, and what is written about it."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.commands import detector_options
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.errors import ConfigError, DataError
from streamdetect.offline.backtest import backtest, summarise
from streamdetect.offline.backtest.summary import as_json, as_table
from streamdetect.offline.backtest.tables import write_incidents, write_verdicts
from streamdetect.offline.recordings import Layout, read

COLUMNS = (
    "index",
    "errors",
    "feature_errors",
    "means",
    "sigmas",
    "thresholds",
    "scores",
    "anomalous",
    "outcomes",
)


def same(one, other):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    # Shown, because no NaN is equal to another.
    assert repr(one.transitions) == repr(other.transitions)
    assert repr(one.incidents) == repr(other.incidents)


def test_a_spike_and_a_shift_are_found(make_detector, spiked):
    (result,) = backtest(make_detector(), [spiked])
    summary = summarise(result)
    assert (summary.readings, summary.windows, summary.incidents) == (300, 297, 3)
    starts = [incident.started - 1.7e9 for incident in result.incidents]
    assert starts == [100, 200, 210]  # the spike, the way up and the way down
    assert all(incident.closed for incident in result.incidents)
    assert summary.evaluation.events.f1 == 1.0


def test_verdicts_are_those_of_the_detector_fed_alone(make_detector, spiked):
    (result,) = backtest(make_detector(), [spiked], batch=32)
    detector = make_detector()
    for at in range(len(spiked)):
        one = slice(at, at + 1)
        verdicts = detector.process(Readings(["pump"], spiked.times[one], spiked.values[one]))
        place = np.flatnonzero(result.index == at)
        assert len(verdicts) == len(place)
        if len(place):
            for name in COLUMNS[1:-1]:
                np.testing.assert_array_equal(getattr(verdicts, name)[0], getattr(result, name)[place[0]])


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4).filter(any),
    batch=st.integers(1, 100),
    seed=st.integers(0, 99),
)
def test_neither_batches_nor_company_change_a_recording(make_detector, make_recording, lengths, batch, seed):
    random = np.random.default_rng(seed)
    settings = {"level": 0.5}
    recordings = [
        make_recording(random.normal(size=length), sensor=f"s{place}", times=random.integers(0, 90, length))
        for place, length in enumerate(lengths)
    ]
    together = backtest(make_detector(**settings), recordings, batch=batch)
    for recording, result in zip(recordings, together, strict=True):
        assert result.recording is recording
        if len(recording):
            (alone,) = backtest(make_detector(**settings), [recording])
            same(result, alone)


def test_an_incident_still_open_at_the_end(make_detector, make_recording):
    values = np.random.default_rng(0).normal(0, 0.1, 200)
    values[190:] += 10 * np.arange(10)
    (result,) = backtest(make_detector(), [make_recording(values)])
    (incident,) = result.incidents
    assert not incident.closed
    assert incident.ended == result.times[-1]


def test_progress_counts_every_reading(make_detector, spiked):
    done = []
    backtest(make_detector(), [spiked], batch=128, progress=done.append)
    assert done == [128, 256, 300]


def test_features_that_do_not_fit_the_bundle(make_detector, make_recording):
    two = make_recording(np.ones((9, 2)), features=("t", "h"))
    with pytest.raises(DataError, match=r"2 value columns \(t, h\), but the bundle takes 1: --per-column"):
        backtest(make_detector(), [two])


def test_verdicts_csv(make_detector, spiked, tmp_path):
    (result,) = backtest(make_detector(incidents=IncidentSettings(close_after=2)), [spiked])
    path = tmp_path / "verdicts.csv"
    write_verdicts([result], path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert rows[0]["time"] == "2023-11-14T22:13:20Z"
    assert [float(row["f0"]) for row in rows] == spiked.values[result.index, 0].tolist()
    np.testing.assert_allclose([float(row["error"] or "nan") for row in rows], result.errors, rtol=1e-8)
    np.testing.assert_allclose(
        [float(row["threshold"] or "nan") for row in rows], result.thresholds, rtol=1e-8
    )
    assert [row["anomalous"] == "1" for row in rows] == result.anomalous.tolist()
    assert all((float(row["score"] or "nan") > 1) == (row["anomalous"] == "1") for row in rows)
    edges = [(int(row["incident"]), row["edge"]) for row in rows if row["edge"] in ("opened", "closed")]
    assert edges == [(n, edge) for n in range(1, len(result.incidents) + 1) for edge in ("opened", "closed")]
    assert {row["incident"] for row in rows if row["anomalous"] == "1"} <= {"1", "2", "3"}
    assert read([path], Layout(columns=("f0",)))[0].features == ("f0",)  # our own files are recordings too


def test_all_rows_has_a_row_a_reading(make_detector, spiked, tmp_path):
    (result,) = backtest(make_detector(), [spiked])
    path = tmp_path / "verdicts.csv"
    write_verdicts([result], path, all_rows=True)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert [row["error"] == "" for row in rows] == [True] * 3 + [False] * 297


def test_sensors_of_different_columns_share_a_table(make_detector, make_recording, tmp_path):
    recordings = [make_recording(np.arange(9.0), sensor=name, features=(name,)) for name in ("flow", "level")]
    write_verdicts(backtest(make_detector(), recordings), tmp_path / "verdicts.csv")
    with (tmp_path / "verdicts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["flow"] == "", row["level"] == "") for row in rows} == {(False, True), (True, False)}


def test_incidents_csv(make_detector, spiked, tmp_path):
    (result,) = backtest(make_detector(), [spiked])
    write_incidents([result], tmp_path / "incidents.csv")
    with (tmp_path / "incidents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["incident"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["opened"] == rows[0]["started"] == "2023-11-14T22:15:00Z"
    assert rows[0]["reason"] == "recovered"
    assert float(rows[0]["peak_error"]) == pytest.approx(result.errors[97:101].max())


def test_summary(make_detector, spiked, make_recording):
    plain = make_recording(np.arange(5.0), sensor="unlabelled")
    summaries = [summarise(result) for result in backtest(make_detector(), [spiked, plain])]
    data = as_json(summaries)
    assert json.loads(json.dumps(data)) == data
    assert data["total"]["readings"] == 305
    assert data["sensors"][0]["events"]["found"] == 2
    assert data["total"]["events"] == data["sensors"][0]["events"]
    assert "events" not in data["sensors"][1]
    lines = as_table(summaries).splitlines()
    assert len({len(line.rstrip()) for line in lines[:1]}) == 1
    assert lines[0].split()[:3] == ["sensor", "readings", "windows"]
    assert "2/2" in lines[1]
    assert lines[3].startswith("2 sensors")


def test_readings_without_a_window_are_judged_too(make_recording):
    """Limits need no window, so the first readings and all of a strided detector's are held against them."""
    settings = DetectorSettings(
        time_steps=4, features=1, scaling=Scaling("none"), stride=5, rules=(Rule(high=(9.0,)),)
    )
    values = np.full(40, 5.0)
    values[[1, 22]] = 12.0
    (result,) = backtest(Detector(settings, lambda windows: windows), [make_recording(values)])
    assert np.flatnonzero(result.anomalous).tolist() == [1, 22]
    assert np.isnan(result.errors[[1, 22]]).all()
    summary = summarise(result)
    assert (summary.readings, summary.windows, summary.anomalous) == (40, 8, 2)


def options(*given):
    parser = ArgumentParser()
    detector_options.add_arguments(parser)
    return detector_options.from_arguments(parser.parse_args(given))


def test_options_change_the_detector():
    chosen = options(
        *("--sigma", "3.5", "--cooldown", "7", "--max-gap", "2h", "--bundle", "mine", "--stride", "2"),
        *("--sensitivity", "1.5", "--silent-after", "10min", "--regime-change-after", "3d"),
        *("--views", "level,range"),
    )
    assert (chosen.sensitivity, chosen.silent_after) == (1.5, 600.0)
    assert chosen.views == ("level", "range")
    assert chosen.incidents.regime_change_after == 3 * 86_400.0
    assert chosen.threshold.sigma == 3.5
    assert chosen.incidents.cooldown == 7
    assert (chosen.max_gap_seconds, chosen.bundle, chosen.stride) == (7200.0, "mine", 2)
    default = options()
    assert default.threshold.history == chosen.threshold.history


def test_options_win_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "detectors:\n"
        "- {name: hot, topics: [hot/#], threshold: {sigma: 3.0, history: 700}}\n"
        "- {name: cold, topics: [cold/#], incidents: {cooldown: 9}}\n"
    )
    chosen = options("-c", str(path), "--detector", "hot", "--sigma", "4")
    assert (chosen.name, chosen.threshold.sigma, chosen.threshold.history) == ("hot", 4.0, 700)
    assert options("-c", str(path), "--detector", "cold").incidents.cooldown == 9
    with pytest.raises(ConfigError, match="--detector: is required to choose one of hot, cold"):
        options("-c", str(path))
    with pytest.raises(ConfigError, match="must be one of hot, cold, got 'warm'"):
        options("-c", str(path), "--detector", "warm")
    with pytest.raises(ConfigError, match="needs --config"):
        options("--detector", "hot")


def test_options_obey_the_rules_of_the_configuration():
    with pytest.raises(ConfigError) as caught:
        options("--sigma", "-2", "--min-count", "50000", "--close-ratio", "1.5")
    assert {problem.path for problem in caught.value.problems} == {"--sigma", "--min-count", "--close-ratio"}


def test_an_incident_still_open_is_told_up_to_the_end(make_detector, make_recording):
    """Its last word is its opening, but it went on and grew worse."""
    values = np.random.default_rng(1).normal(0.0, 0.1, 300)
    values[280:] += np.tile([8.0, -8.0], 10) * np.linspace(1, 3, 20)
    settings = IncidentSettings(excess=0.0, critical_score=1e9)
    (result,) = backtest(make_detector(incidents=settings), [make_recording(values)])
    (incident,) = result.incidents
    assert not incident.closed
    assert incident.opened.windows == 1
    assert incident.latest.windows == result.anomalous.sum() > 10
    assert incident.latest.peak_error == np.nanmax(result.errors) > incident.opened.peak_error
    assert incident.latest.peak_score == np.nanmax(result.scores)
    assert incident.latest.peak_time == result.times[np.nanargmax(result.errors)]
    assert incident.ended == result.times[-1]
