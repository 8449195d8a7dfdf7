"""The readings around an incident are kept with it: before, while it lasts, after; bounded, found again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.config import HistoryConfig
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.errors import StateError, StreamdetectError
from streamdetect.service.daemon import equip
from streamdetect.sinks.events import EventEncoder
from streamdetect.sinks.following import FEATURES
from streamdetect.sinks.history import HistorySink
from streamdetect.sinks.trail import Trail
from streamdetect.store.around import AFTER, BEFORE, STRETCHES, Around, decode, encode, joined, kept
from streamdetect.store.history import HISTORY, around, read

STARTED = 1.7e9
USUAL, WARM = 20.0, 29.0


class House:
    """A detector of plain limits, whose events and readings go to a history as a daemon's do."""

    def __init__(self, folder, features=("value",), **settings):
        self.folder, self.features = folder, features
        self.settings = HistoryConfig.model_validate(settings)
        width = len(features)
        self.detector = Detector(
            DetectorSettings(
                1,
                width,
                Scaling("none"),
                incidents=IncidentSettings(close_after=3, excess=0.1, regime_change_after=np.inf),
                rules=(Rule(views=("limits", "silent"), high=(25.0,) * width, silent_after=3600.0),),
            ),
            np.zeros_like,
        )
        self.encoder = EventEncoder("d", source="/test", bundle="b", features=features, labels={})
        self.begin()

    def begin(self) -> None:
        """Start, as after a SIGKILL."""
        self.sink, self.trail = HistorySink(self.folder, self.settings), Trail(keeps=True, clock=lambda: 0.0)
        self.sink.equip(None, self.trail)
        self.sink.begin()

    def hear(self, values, times=None, sensor="a", *, deliver=True):
        """Judge readings a minute apart, and deliver what they come to."""
        values = np.asarray(values, dtype=float).reshape(len(values), -1)
        if times is None:
            newest = self.detector.newest
            begin = STARTED if np.isinf(newest) else newest + 60
            times = begin + 60.0 * np.arange(len(values))
        verdicts = self.detector.process(Readings([sensor] * len(values), np.asarray(times), values))
        self.trail.observe([("d", verdicts)])
        events = [self.encoder.encode(one, {}) for one in verdicts.transitions]
        if deliver:
            for event in events:
                self.sink.deliver(event)
        return events

    @property
    def path(self) -> Path:
        return self.folder / HISTORY

    @property
    def found(self):
        (incident,) = read(self.path, since=0.0)
        return around(self.path, incident.id)


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: STARTED)
    made = []

    def make(**more) -> House:
        made.append(House(tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.sink.release()


def test_some_before_those_while_it_lasts_and_some_after(house):
    one = house()
    one.hear([USUAL] * 200)
    one.hear([WARM + at for at in range(5)])
    one.hear([USUAL] * 100)
    values = one.found.around.values[:, 0].tolist()
    assert values == [USUAL] * BEFORE + [WARM, WARM + 1, WARM + 2, WARM + 3, WARM + 4] + [USUAL] * AFTER
    assert np.diff(one.found.around.times).tolist() == [60.0] * (BEFORE + 4 + AFTER)
    assert (one.found.around.scores[BEFORE : BEFORE + 5] > 1).all()
    assert (one.found.around.upper <= 25).all()
    assert one.found.complete


def test_what_comes_after_the_last_event_is_added_without_one(house):
    one = house()
    one.hear([USUAL] * 100 + [WARM] * 5 + [USUAL] * 3)
    assert not one.found.complete
    one.hear([USUAL] * 50)
    one.sink._look_at = 0.0
    one.sink.idle()
    assert one.found.complete
    assert len(one.found.around.times) == BEFORE + 5 + AFTER


def test_after_a_while_nobody_waits_for_more(house, monkeypatch):
    one = house()
    one.hear([USUAL] * 100 + [WARM] * 5 + [USUAL] * 3)
    monkeypatch.setattr("streamdetect.sinks.following.PATIENCE", -1.0)
    one.sink.idle()
    assert one.found.complete
    assert len(one.found.around.times) == BEFORE + 5 + 3


def test_a_long_one_is_thinned_out_and_keeps_its_worst(house):
    one, chance = house(), np.random.default_rng(3)
    one.hear([USUAL] * 100)
    for portion in range(40):
        values = WARM + chance.normal(0, 1, 100)
        values[50] = 60.0 if portion == 11 else values[50]
        one.hear(values)
        one.sink._look_at = 0.0
        one.sink.idle()
    one.hear([USUAL] * 50)
    found = one.found.around
    lasting = found.values[found.values[:, 0] > 25]
    assert STRETCHES / 2 < len(lasting) <= 2 * STRETCHES
    assert lasting.max() == 60
    assert len(found.times) <= BEFORE + 2 * STRETCHES + AFTER
    assert np.diff(found.times).max() <= 40 * 100 * 60 / STRETCHES * 3


def test_in_a_backlog_the_worst_reading_stays_that_nobody_was_in_time_for(house):
    one = house()
    one.hear([USUAL] * 5_000 + [50.0] + [USUAL] * 5_000)
    found = one.found.around
    assert found.values.max() == 50
    assert found.scores[found.values[:, 0].argmax()] > 1


def test_those_before_stay_if_the_sink_comes_late(house):
    one = house()
    one.hear([USUAL] * 100)
    opened = one.hear([WARM], deliver=False)
    one.hear([WARM] * 5_000)  # more than the trail holds
    one.sink.deliver(*opened)
    (incident,) = read(one.path, since=0.0)
    assert np.count_nonzero(one.found.around.times < incident.started) == BEFORE


@pytest.mark.parametrize("ends", [False, True])
def test_it_goes_on_after_a_kill(house, ends):
    one = house()
    one.hear([USUAL] * 100 + [WARM] * 10)
    one.begin()
    one.hear([WARM] * 10 + ([USUAL] * 40 if ends else []))
    if not ends:
        one.sink._look_at = 0.0
        one.sink.idle()
    values = one.found.around.values[:, 0].tolist()
    assert values == [USUAL] * BEFORE + [WARM] * 20 + [USUAL] * (AFTER if ends else 0)
    assert one.found.complete is ends


def test_an_event_that_comes_again_changes_nothing(house):
    one = house()
    events = one.hear([USUAL] * 100 + [WARM] * 10 + [USUAL] * 50)
    before = one.found
    one.begin()
    for event in events:
        one.sink.deliver(event)
    assert encode(one.found.around) == encode(before.around)


def test_of_many_features_the_worst_are_kept(house):
    names = tuple(f"f{at}" for at in range(9))
    one = house(features=names)
    rows = np.full((60, 9), USUAL)
    rows[50:, 7] = WARM
    one.hear(rows)
    assert "f7" in one.found.features
    assert len(one.found.features) == FEATURES
    assert one.found.around.values.shape[1] == FEATURES
    place = one.found.features.index("f7")
    assert one.found.around.values[-1].tolist() == [WARM if at == place else USUAL for at in range(FEATURES)]


def test_a_sensor_that_falls_silent_keeps_what_it_last_sent(house):
    one = house()
    one.hear(np.linspace(19, 21, 300))
    for transition in one.detector.look(one.detector.newest + 86_400):
        one.sink.deliver(one.encoder.encode(transition, {}))
    assert len(one.found.around.times) >= BEFORE
    assert one.found.around.values[-1, 0] == 21


def test_a_flood_keeps_readings_of_a_bounded_number(house, monkeypatch):
    monkeypatch.setattr("streamdetect.sinks.trail.BURST", 20)
    one = house()
    for sensor in range(30):
        one.hear([USUAL] * 3 + [WARM], STARTED + 60.0 * np.arange(4), f"s{sensor}")
    with closing(sqlite3.connect(one.path)) as connection:
        ((incidents_kept,), (readings,)) = connection.execute(
            "SELECT count(*) FROM incident UNION ALL SELECT count(*) FROM readings"
        ).fetchall()
    assert (incidents_kept, readings) == (30, 20)


def test_nobody_keeps_any_where_it_is_turned_off(house, tmp_path):
    one = house(readings=False)
    lineup = type("Lineup", (), {"config": type("Config", (), {"inhibit": ()})})
    assert equip([one.sink], lineup) is None
    assert equip([HistorySink(tmp_path, HistoryConfig())], lineup) is not None
    one.sink.equip(None, None)
    one.hear([USUAL] * 100 + [WARM] * 10)
    assert one.found is None


def test_they_go_with_their_incident(house, monkeypatch):
    one = house(keep="1h")
    one.hear([USUAL] * 100 + [WARM] * 10 + [USUAL] * 40)
    assert one.found is not None
    monkeypatch.setattr("time.time", lambda: STARTED + 86_400)
    one.hear([WARM], sensor="b", times=[STARTED + 9e4])
    with closing(sqlite3.connect(one.path)) as connection:
        left = connection.execute("SELECT incident FROM readings").fetchall()
        assert left == connection.execute("SELECT id FROM incident").fetchall()


OLD = Path(__file__).with_name("history_of_version_1.db")
"""Written before there were readings: an incident that is over, and one that goes on."""


def test_a_history_of_an_earlier_version_is_read_and_goes_on(house, tmp_path):
    path = Path(shutil.copy(OLD, tmp_path / HISTORY))
    over, going_on = read(path, since=0.0)
    assert around(path, over.id) is None
    one = house()
    assert [incident.id for incident in read(path, since=0.0)] == [over.id, going_on.id]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    one.hear([USUAL] * 100 + [WARM] * 3)
    assert len(read(path, since=0.0)) == 3


readings_of = st.lists(
    st.tuples(st.integers(0, 400), st.floats(-100, 100, width=32), st.floats(0, 9, width=32)), max_size=300
)


def made(rows) -> Around:
    rows = sorted({row[0]: row for row in rows}.values())
    column = np.array([row[1] for row in rows], dtype=np.float32).reshape(-1, 1)
    scores = np.array([row[2] for row in rows], dtype=np.float32)
    return Around(STARTED + np.array([row[0] for row in rows], dtype=float), column, column, column, scores)


@given(readings_of, readings_of, st.integers(0, 400), st.integers(0, 400) | st.none())
def test_what_is_kept_is_bounded_in_order_and_real(first, second, started, lasted):
    both = joined(made(first), made(second))
    begin, end = STARTED + started, None if lasted is None else STARTED + started + lasted
    some = kept(both, begin, end)
    assert (np.diff(some.times) > 0).all()
    assert np.isin(some.times, both.times).all()
    assert len(some.times) <= BEFORE + 2 * STRETCHES + AFTER
    assert np.count_nonzero(some.times < begin) <= BEFORE
    during = (both.times >= begin) & (both.times <= (end or np.inf))
    if during.any():
        assert (
            some.scores[(some.times >= begin) & (some.times <= (end or np.inf))].max()
            == both.scores[during].max()
        )
    again = decode(encode(some), 1)
    assert all(np.array_equal(one, other) for one, other in zip(again, some, strict=True))


def test_the_command_shows_one_within_80_columns(house, listed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    one = house()
    one.hear([USUAL] * 100 + [WARM, 33.0, WARM] + [USUAL] * 50)
    (incident,) = read(one.path, since=0.0)
    assert listed("--since", "10000d").startswith(incident.id[:8])
    text = listed(incident.id[:6])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"id {incident.id}" in lines
    chart = lines[lines.index("20.0 to 33.0") + 1]
    assert chart.count("█") >= 1
    assert chart.startswith("▁")
    assert "^" in lines[lines.index(chart) + 1]
    assert sum(line.endswith("anomalous") for line in lines) >= 1
    assert any(" 29.0 " in line and line.endswith("anomalous") for line in lines)
    document = json.loads(listed(incident.id, "--json"))
    assert document["readings"]["features"][0]["values"].count(33.0) == 1
    assert len(document["readings"]["times"]) == BEFORE + 3 + AFTER
    edges = [edge["edge"] for edge in document["edges"]]
    assert (edges[0], edges[-1]) == ("opened", "closed")


def test_an_incident_without_readings_is_shown_as_well(house, listed):
    one = house(readings=False)
    one.sink.equip(None, None)
    one.hear([USUAL] * 10 + [WARM])
    (incident,) = read(one.path, since=0.0)
    assert listed(incident.id[:4]).endswith("no readings around it are kept\n")
    assert json.loads(listed(incident.id, "--json"))["readings"] is None


def test_what_names_no_incident_or_several_is_told(house, listed):
    one = house()
    for sensor in range(40):
        one.hear([WARM], [STARTED], f"s{sensor}")
    begin = next(iter(read(one.path, since=0.0))).id[0]
    with pytest.raises(StateError, match="there is no incident whose id begins with x in "):
        listed("x")
    with pytest.raises(StateError, match=rf"several incidents have an id that begins with {begin}: {begin}"):
        listed(begin)
    with pytest.raises(StreamdetectError, match="ID cannot be combined with --open"):
        listed(begin, "--open")


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_readings_around import House, USUAL, WARM
one = House(Path({folder!r}))
one.hear([USUAL] * 100 + [WARM] * 10)
one.hear([USUAL] * 50)
"""


@pytest.mark.parametrize("passed", [1, 2])
def test_a_kill_while_it_is_written_leaves_all_or_nothing(house, tmp_path, passed):
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    environment = os.environ | {"STREAMDETECT_FAILPOINT": f"history.written@{passed}=kill"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -9
    one = house()
    events = one.hear([USUAL] * 100 + [WARM] * 10)
    events += one.hear([USUAL] * 50)
    assert len(events) >= 2
    values = one.found.around.values[:, 0].tolist()
    assert values == [USUAL] * BEFORE + [WARM] * 10 + [USUAL] * AFTER
