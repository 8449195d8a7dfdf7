"""A file of JSON lines: whole lines only, rotated, and never lost."""

from __future__ import annotations

import json

import pytest

from streamdetect.config import FileConfig
from streamdetect.sinks.files import JsonLines


@pytest.fixture
def lines(tmp_path):
    made = []

    def make(**changes) -> JsonLines:
        options = {"name": "log", "path": str(tmp_path / "events.jsonl")} | changes
        made.append(JsonLines("log", FileConfig.model_validate(options)))
        return made[-1]

    yield make
    for one in made:
        one.release()


def ids(path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_every_event_is_a_line(lines, tmp_path, event):
    one = lines()
    for number in (1, 2, 3):
        one.deliver(event(number))
    assert ids(tmp_path / "events.jsonl") == ["id1", "id2", "id3"]


def test_files_are_rotated_by_size_and_the_oldest_goes(lines, tmp_path, event):
    one = lines(max_size=1024, keep=2)
    for number in range(9):
        one.deliver(event(number))
    kept = {path.name: ids(path) for path in sorted(tmp_path.iterdir())}
    assert kept == {
        "events.jsonl": ["id8"],
        "events.jsonl.1": ["id6", "id7"],
        "events.jsonl.2": ["id4", "id5"],
    }
    assert all(path.stat().st_size <= 1024 for path in tmp_path.iterdir())


def test_without_any_to_keep_it_begins_afresh(lines, tmp_path, event):
    one = lines(max_size=1024, keep=0)
    for number in range(3):
        one.deliver(event(number))
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
    assert ids(tmp_path / "events.jsonl") == ["id2"]


@pytest.mark.parametrize("torn", [b'{"id": "half', b"x" * 200_000])
def test_a_line_that_was_torn_is_cut_off(lines, tmp_path, event, torn):
    lines().deliver(event(1))
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(torn)
    lines().deliver(event(2))
    assert ids(tmp_path / "events.jsonl") == ["id1", "id2"]


def test_somebody_else_may_move_it_away(lines, tmp_path, event):
    one = lines()
    one.deliver(event(1))
    (tmp_path / "events.jsonl").rename(tmp_path / "moved")
    one.deliver(event(2))
    assert ids(tmp_path / "moved") == ["id1"]
    assert ids(tmp_path / "events.jsonl") == ["id2"]


@pytest.mark.usefixtures("fast")
def test_a_disk_that_does_not_take_it_is_tried_again(lines, tmp_path, outbox, settle, event, until):
    one = outbox(lines(path=str(tmp_path / "later" / "events.jsonl")))
    one.add(one.queued([event()]))
    sink = one.lanes["log"].sink
    until(lambda: one.drain() or sink.failures > 2, "some attempts")
    assert sink.failure.endswith("events.jsonl: No such file or directory")
    (tmp_path / "later").mkdir()
    settle(one)
    assert ids(tmp_path / "later" / "events.jsonl") == ["id1"]
    assert sink.failure == ""
