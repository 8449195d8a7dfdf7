"""Receivers, events and outboxes for the tests of sinks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from receiving_end import Receiver, an_event

from streamdetect.commands import incidents
from streamdetect.sinks.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamdetect.store import Event


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def event() -> Callable[..., Event]:
    return an_event


@pytest.fixture
def outbox() -> Iterator[Callable[..., Outbox]]:
    """An outbox whose sinks are at work; they are gone when the test ends."""
    made = []

    def make(*sinks, **options) -> Outbox:
        made.append(Outbox(sinks, **options))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def fast(monkeypatch) -> None:
    """Back off in milliseconds."""
    monkeypatch.setattr("streamdetect.sinks.sink.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("streamdetect.sinks.sink.LONGEST_PAUSE", 0.01)


@pytest.fixture
def settle(until) -> Callable[..., None]:
    """Deliver events through an outbox until nothing is left."""

    def run(outbox, *events) -> None:
        outbox.add(outbox.queued(events))
        until(lambda: outbox.drain() or not len(outbox), "everything settled")

    return run


@pytest.fixture
def listed(tmp_path, capsys) -> Callable[..., str]:
    """Return the output of `streamdetect incidents` for the history in the test's folder."""

    def run(*arguments: str) -> str:
        parser = argparse.ArgumentParser()
        incidents.add_arguments(parser)
        assert incidents.run(parser.parse_args(["--state", str(tmp_path), *arguments])) == 0
        return capsys.readouterr().out

    return run
