"""The past is found again: every incident once, bounded, readable while it is written."""

from __future__ import annotations

import json
import sqlite3
from argparse import ArgumentTypeError
from datetime import datetime

import pytest

from streamdetect.commands.spans import ago
from streamdetect.config import HistoryConfig
from streamdetect.sinks.history import HistorySink
from streamdetect.store import DamagedError, Queued
from streamdetect.store.history import HISTORY, edges, read

NOW = datetime.fromisoformat("2024-05-01T12:10:00+00:00").timestamp()


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: NOW)

    made = []

    def make(**changes) -> HistorySink:
        made.append(HistorySink(tmp_path, HistoryConfig.model_validate(changes)))
        return made[-1]

    yield make
    for one in made:
        one.release()


def closed(event, number, incident="incident1", ended="2024-05-01T12:05:00.000000Z"):
    return event(number, edge="closed", incident=incident, ended=ended, reason="recovered")


def test_an_incident_is_a_row_as_its_last_event_left_it(history, tmp_path, event, outbox, settle):
    settle(outbox(history()), event(1), event(2, edge="updated", severity="critical"), closed(event, 3))
    (found,) = read(tmp_path / HISTORY, since=0.0)
    assert (found.id, found.sensor, found.message, found.reason) == (
        "incident1",
        "hall/a",
        "hall/a 3 °C",
        "recovered",
    )
    assert found.ended - found.started == 300
    assert found.data["labels"] == {"site": "north"}
    assert [(edge.edge, edge.message) for edge in edges(tmp_path / HISTORY, "incident1")] == [
        ("opened", "hall/a 1 °C"),
        ("updated", "hall/a 2 °C"),
        ("closed", "hall/a 3 °C"),
    ]


def test_what_comes_twice_changes_nothing(history, tmp_path, event):
    one = history()
    for each in (event(1), closed(event, 2), event(1)):
        one.deliver(each)
    (found,) = read(tmp_path / HISTORY, since=0.0)
    assert not found.open


def test_it_can_be_read_while_it_is_written_and_by_whoever_may_only_read(history, tmp_path, event):
    one = history()
    one.deliver(event(1))
    (tmp_path / HISTORY).chmod(0o400)
    assert len(read(tmp_path / HISTORY, since=0.0)) == 1


def test_old_incidents_go_and_open_ones_stay(history, tmp_path, event):
    one = history(keep="1min")
    one.deliver(event(1, incident="open"))
    one.deliver(closed(event, 2, "old"))
    one.deliver(closed(event, 3, "new", "2024-05-01T12:09:30.000000Z"))
    assert {found.id for found in read(tmp_path / HISTORY, since=0.0)} == {"open", "new"}
    assert edges(tmp_path / HISTORY, "old") == []


def test_it_stays_within_its_size(history, tmp_path, event):
    one = history(max_size="256KiB")
    for start in range(0, 1500, 100):
        numbers = range(start, start + 100)
        one.work({n: Queued("history", n, closed(event, n, f"i{n}"), NOW) for n in numbers})
    found = [incident.id for incident in read(tmp_path / HISTORY, since=0.0)]

    assert 200 < len(found) < 1500
    assert (tmp_path / HISTORY).stat().st_size < 350 * 1024


@pytest.mark.usefixtures("fast")
def test_a_damaged_history_is_set_aside_and_nothing_new_is_lost(history, tmp_path, event, outbox, settle):
    (tmp_path / HISTORY).write_bytes(b"no database" * 100)
    settle(outbox(history()), event(1))
    assert [found.id for found in read(tmp_path / HISTORY, since=0.0)] == ["incident1"]
    assert len(list(tmp_path.glob(f"{HISTORY}.set-aside-*"))) == 1


def test_another_database_is_refused(tmp_path):
    sqlite3.connect(tmp_path / HISTORY).execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(DamagedError, match="must be a history of version 2"):
        read(tmp_path / HISTORY, since=0.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90min", 5400.0), ("30d", 2_592_000.0), ("2024-05-01T12:00:00+00:00", 600.0), ("2999-01-01", 0.0)],
)
def test_how_far_back_is_a_duration_or_a_time(history, text, seconds):
    history()
    assert ago(text) == seconds


@pytest.mark.parametrize("text", ["yesterday", "4w", "1e9", "", "2024-13-01", "-1d", "x" * 5000])
def test_how_far_back_is_told_if_it_is_neither(text):
    with pytest.raises(
        ArgumentTypeError, match="must be a duration like 90min, 1d or 30d, or a time"
    ) as told:
        ago(text)
    assert len(str(told.value)) < 200


def test_the_command_lists_them(history, event, listed):
    one = history()
    one.deliver(event(1, incident="a", started="2024-05-01T12:00:00.000000Z"))
    one.deliver(closed(event, 2, "b"))
    one.deliver(event(3, incident="c", sensor="cellar"))
    lines = listed().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("open  warning   hall/a 1 °C")
    assert lines[1].endswith("5 min  warning   hall/a 2 °C")
    assert len(listed("--open").splitlines()) == 2
    assert len(listed("--sensor", "cell*").splitlines()) == 1
    assert listed("--since", "4min", "--sensor", "hall/*").count("hall/a 2") == 0
    grouped = [line.startswith("  ") for line in listed("--groups").splitlines()]
    assert grouped == [False, True, True]
    documents = [json.loads(line) for line in listed("--json").splitlines()]
    assert [document["open"] for document in documents] == [True, False, True]
