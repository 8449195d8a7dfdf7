"""A real Mosquitto for every test that wants one."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import real_broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from real_broker import Mosquitto


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    return real_broker.free_port()


@pytest.fixture
def until() -> Callable[[Callable[[], Any], str], Any]:
    """Wait for what must happen; the time is only there to end a failed test."""

    def wait(condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + 30
        while not (found := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"never happened: {what}")
            time.sleep(0.005)
        return found

    return wait


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers: `mosquitto("max_inflight_messages 5", listener=("cafile …",), start=False)`.

    `options` are lines of its configuration before the TCP listener, `listener` those after it, where TLS
    settings and further listeners go. `{folder}` in a line is the broker's own. Every broker is
    gone when the test ends.
    """
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    brokers: list[Mosquitto] = []

    def make(*options: str, listener: tuple[str, ...] = (), start: bool = True) -> Mosquitto:
        broker = real_broker.Mosquitto(tmp_path_factory.mktemp("mosquitto"), options, listener)
        brokers.append(broker)
        if start:
            broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.kill()
