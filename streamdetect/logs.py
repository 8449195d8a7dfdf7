"""Logs on stderr: text or JSON, with priorities when systemd's journal reads them."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

import orjson

from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# syslog(3) priorities; the first level that a record reaches counts
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7

LONGEST_LINE = 2000  # characters
MOST_LINES = 60  # of a traceback
MOST_A_MINUTE = 100  # records of one kind
_MOST_KINDS = 1000

# Attributes of every record; whatever else a record carries came in by `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up(
    level: str,
    style: str,
    *,
    stream: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Send all logs from now on to `stream`, by default stderr.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        style: `text` or `json`.
        stream: where they go.
        environment: where systemd says that the stream is its journal.
    """
    stream = stream or sys.stderr
    journal = _is_journal(stream, environment)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter(journal=journal) if style == "json" else TextFormatter(journal=journal)
    )
    handler.addFilter(Sieve())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


class Sieve(logging.Filter):
    """Lets through `MOST_A_MINUTE` records of one kind; the next one says how many were held back.

    However often something happens, the journal stays readable and the disk has room.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._sparingly = Sparingly(burst=MOST_A_MINUTE, clock=clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record may be written; a kind is a message before its values are put in."""
        if record.levelno < logging.INFO:
            return True
        allowed, held_back = self._sparingly.allows(f"{record.name} {record.msg}")
        if held_back:
            record.held_back = held_back
        return allowed


class TextFormatter(logging.Formatter):
    """One line a record, and a traceback where there is one; no time of our own in the journal."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines, each with its priority in the journal."""
        extra = "".join(f" {name}={value!r}" for name, value in _extra(record).items())
        text = short(printable(f"{record.name.removeprefix('streamdetect.')}: {record.getMessage()}{extra}"))
        lines = [text, *_traceback(self, record).splitlines()]
        if self._journal:
            prefix = _priority(record)
            return "\n".join(prefix + line for line in lines)
        return "\n".join([f"{_timestamp(record)} {record.levelname:<7} {lines[0]}", *lines[1:]])


class JsonFormatter(logging.Formatter):
    """One JSON object a record."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; a value that JSON cannot hold is written by `repr`."""
        fields = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": short(record.getMessage()),
            **_extra(record),
        }
        if traceback := _traceback(self, record):
            fields["traceback"] = traceback
        return (_priority(record) if self._journal else "") + _dumps(fields)


class Sparingly:
    """Lets through at most `burst` records in `interval` seconds of each kind, and counts the rest.

    For what a broken device can cause thousands of times a second.
    """

    def __init__(
        self, *, burst: int = 5, interval: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}  # kind -> (start of its interval, records in it)

    def allows(self, kind: str) -> tuple[bool, int]:
        """Tell whether a record of this kind may be written, and how many were held back before it.

        Kinds are few and ours, never input.
        """
        now = self._clock()
        start, count = self._kinds.get(kind, (now, 0))
        held_back = 0
        if now - start >= self._interval:
            held_back = max(0, count - self._burst)
            start, count = now, 0
        if len(self._kinds) >= _MOST_KINDS and kind not in self._kinds:
            self._kinds.clear()
        self._kinds[kind] = start, count + 1
        return count < self._burst, held_back


def printable(text: str) -> str:
    """Escape what could move a terminal's cursor or fake a line: control, format and bidi characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(text: str) -> str:
    """Cut a line that is too long, and say by how much."""
    if len(text) <= LONGEST_LINE:
        return text
    return f"{text[:LONGEST_LINE]}… ({len(text) - LONGEST_LINE} more characters)"


def _is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether the stream is connected to the journal: JOURNAL_STREAM holds its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _priority(record: logging.LogRecord) -> str:
    return next(
        (f"<{priority}>" for level, priority in _PRIORITIES if record.levelno >= level),
        f"<{_DEBUG_PRIORITY}>",
    )


def _timestamp(record: logging.LogRecord) -> str:
    return rfc3339(record.created, "milliseconds")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    lines = [short(line) for line in formatter.formatException(record.exc_info).splitlines()]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines[half:-half] = [f"… ({len(lines) - 2 * half} more lines)"]
    return "\n".join(lines)


def _dumps(fields: dict[str, object]) -> str:
    try:
        return orjson.dumps(fields, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, or a number out of range
        return orjson.dumps({name: ascii(value) for name, value in fields.items()}).decode()
