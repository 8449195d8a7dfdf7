"""Fixtures for tests of every folder: a real Mosquitto, recorded data, patience."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

import real_broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from real_broker import Mosquitto

# A shell starts what it puts in the background deaf to SIGINT, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 120.0
"""Seconds to wait for what must happen, on slow cores with other work; only failed tests take so long."""

# A deadline and a slow generator measure the machine, not the code; a fixture used with given makes what it
# gives anew at each call. The examples are the same in each run, so that a change passes or fails by itself;
# `pytest --hypothesis-profile=random` looks for others.
_WITHOUT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("random", deadline=None, max_examples=40, suppress_health_check=_WITHOUT)
settings.register_profile("streamdetect", settings.get_profile("random"), derandomize=True)
settings.load_profile("streamdetect")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's own options."""
    parser.addoption("--full", action="store_true", help="train the long recipe of the cookbook in full")
    parser.addoption("--pictures", metavar="DIR", help="keep what the browser showed here")


@pytest.fixture(autouse=True)
def _keep_the_root_logger() -> Iterator[None]:
    """Return the root logger back as it was: a command that runs in this process sets up logs of its own."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)


@pytest.fixture
def data() -> Path:
    """The folder of recorded data, which is no part of the project."""
    folder = os.environ.get("STREAMDETECT_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    if not Path(folder).is_dir():
        pytest.skip(f"no recorded data in {folder}; STREAMDETECT_DATA says where it is")
    return Path(folder)


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    return real_broker.free_port()


@pytest.fixture
def until() -> Callable[[Callable[[], Any], str], Any]:
    """Wait for what must happen; the time is only there to end a failed test."""

    def wait(condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
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
