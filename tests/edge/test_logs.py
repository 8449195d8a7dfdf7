"""Logs that people, machines and the journal can read, and that input cannot fake."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys

import pytest

from streamdetect.logs import LONGEST_LINE, MOST_A_MINUTE, Sieve, Sparingly, set_up

log = logging.getLogger("streamdetect.test")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def written():
    """Set logging up and return what the given function logs."""

    def write(style, action, level="info"):
        stream = io.StringIO()
        set_up(level, style, stream=stream, environment={})
        action()
        return stream.getvalue()

    return write


@pytest.fixture
def journal(tmp_path):
    """Write a record as `written` does, to a file that the environment calls the journal."""

    def write(style, action):
        with (tmp_path / "journal").open("w+") as stream:
            status = os.fstat(stream.fileno())
            environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
            set_up("debug", style, stream=stream, environment=environment)
            action()
            stream.seek(0)
            return stream.read()

    return write


def fail():
    try:
        int("no\nway")
    except ValueError:
        log.exception("failed")


def test_text(written):
    line = written("text", lambda: log.warning("sensor %r", "a/b", extra={"detector": "x y"}))
    assert re.fullmatch(TIME + r" WARNING test: sensor 'a/b' detector='x y'\n", line)


def test_json(written):
    line = written("json", lambda: log.warning("sensor %r", "a/b", extra={"count": 3, "kind": {1: object}}))
    fields = json.loads(line)
    assert re.fullmatch(TIME, fields.pop("time"))
    assert fields == {
        "level": "warning",
        "logger": "streamdetect.test",
        "message": "sensor 'a/b'",
        "count": 3,
        "kind": {"1": "<class 'object'>"},
    }


def test_json_takes_what_json_cannot_hold(written):
    fields = json.loads(written("json", lambda: log.info("%s", "\ud800", extra={"big": 2**70})))
    assert fields["message"] == r"'\ud800'"
    assert fields["big"] == str(2**70)


def test_a_traceback_is_kept(written):
    assert "\nValueError: invalid literal" in written("text", fail)
    assert "\nValueError: invalid literal" in json.loads(written("json", fail))["traceback"]


def test_the_level_holds(written):
    assert written("text", lambda: log.info("x"), level="warning") == ""
    assert written("text", lambda: log.debug("x"), level="debug") != ""


def test_the_journal_gets_priorities_and_no_time(journal):
    def every_level():
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "x")

    assert journal("text", every_level) == "<7>test: x\n<6>test: x\n<4>test: x\n<3>test: x\n<2>test: x\n"


def test_every_line_of_a_traceback_has_its_priority_in_the_journal(journal):
    lines = journal("text", fail).splitlines()
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


def test_json_in_the_journal(journal):
    line = journal("json", lambda: log.error("x"))
    assert line.startswith("<3>{")
    assert json.loads(line[3:])["level"] == "error"


def test_a_stream_that_is_not_the_journals_gets_no_priorities(tmp_path):
    with (tmp_path / "log").open("w+") as stream:
        set_up("info", "text", stream=stream, environment={"JOURNAL_STREAM": "1:2", "INVOCATION_ID": "x"})
        log.info("x")
        stream.seek(0)
        assert not stream.read().startswith("<")


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\u202eb", "a\rb"], ids=ascii)
def test_input_cannot_fake_a_line_or_move_the_cursor(written, text):
    line = written("text", lambda: log.info(text))
    assert line.count("\n") == 1
    assert line.removesuffix("\n").isprintable()
    assert text.encode("unicode_escape").decode() in line


def test_by_default_logs_go_to_stderr(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    set_up("info", "text")
    log.info("here")
    assert "here" in capsys.readouterr().err


def test_sparingly_lets_a_burst_through_and_counts_the_rest():
    now = 0.0
    sparingly = Sparingly(burst=2, interval=60, clock=lambda: now)
    assert [sparingly.allows("a") for _ in range(4)] == [(True, 0), (True, 0), (False, 0), (False, 0)]
    assert sparingly.allows("b") == (True, 0)
    now = 60.0
    assert sparingly.allows("a") == (True, 2)
    assert sparingly.allows("b") == (True, 0)


def test_a_line_has_a_limit():
    stream = io.StringIO()
    set_up("info", "text", stream=stream, environment={})
    logging.getLogger("streamdetect.test").error("x" * 100_000)
    (line,) = stream.getvalue().splitlines()
    assert len(line) < LONGEST_LINE + 100
    assert "98006 more characters)" in line


def test_a_traceback_has_a_limit():
    def fall(depth):
        if depth:
            fall(depth - 1)
        raise ValueError("y" * 100_000)

    stream = io.StringIO()
    set_up("info", "json", stream=stream, environment={})
    try:
        fall(100)
    except ValueError:
        logging.getLogger("streamdetect.test").exception("failed")
    assert len(stream.getvalue()) < 20_000


def test_what_happens_over_and_over_is_said_so_often_and_then_counted():
    now = [0.0]
    sieve = Sieve(lambda: now[0])
    records = [
        logging.LogRecord("streamdetect.test", logging.WARNING, "", 0, "lost %d", (number,), None)
        for number in range(MOST_A_MINUTE + 6)
    ]
    passed = [record for record in records[:-1] if sieve.filter(record)]
    assert len(passed) == MOST_A_MINUTE
    other = logging.LogRecord("streamdetect.test", logging.WARNING, "", 0, "found", (), None)
    assert sieve.filter(other)
    now[0] = 61.0
    assert sieve.filter(records[-1])
    assert records[-1].held_back == 5


def test_kinds_that_are_many_take_no_memory():
    sieve = Sieve(lambda: 0.0)
    for number in range(5000):
        sieve.filter(logging.LogRecord("test", logging.WARNING, "", 0, f"{number}", (), None))
    assert len(sieve._sparingly._kinds) <= 1000
