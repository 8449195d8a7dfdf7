"""Fixtures for every check of deploy/: its folder, and the real tools."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from live import Live
from shipped_broker import Broker, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def deploy() -> Path:
    return ROOT / "deploy"


@pytest.fixture(scope="session")
def need() -> Callable[..., None]:
    """Skip where a tool is missing; `deploy/check.sh` installs them all, and there it is a failure."""

    def check(*tools: str) -> None:
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if missing and "STREAMDETECT_DEPLOY_CHECK" in os.environ:
            pytest.fail(f"not installed: {', '.join(missing)}")
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}; bash deploy/check.sh installs it")

    return check


@pytest.fixture(scope="session")
def run(need) -> Callable[..., str]:
    """Run a tool and return all that it printed; a failure of the tool is one of the test."""

    def command(*arguments: object, ok: bool = True) -> str:
        words = [str(argument) for argument in arguments]
        need(words[0])
        done = subprocess.run(
            words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
        )
        if (done.returncode == 0) is not ok:
            pytest.fail(f"{' '.join(words)} returned {done.returncode}:\n{done.stdout}", pytrace=False)
        return done.stdout

    return command


@pytest.fixture(scope="session")
def shipped_broker(need, deploy, tmp_path_factory) -> Iterator[Callable[[], Broker]]:
    """Start brokers with the configuration of deploy/mosquitto."""
    need("mosquitto", "mosquitto_pub", "openssl")
    brokers = []

    def make() -> Broker:
        broker = Broker(deploy, tmp_path_factory.mktemp("mosquitto"), free_port(), free_port())
        brokers.append(broker)
        broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture(scope="session")
def live(need, deploy, shipped_broker, tmp_path_factory) -> Iterator[Live]:
    """A run that is over, but whose Prometheus and daemon still answer."""
    need("prometheus")
    one = Live(deploy, tmp_path_factory.mktemp("live"), shipped_broker())
    try:
        one.run()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="session")
def need_package() -> Callable[[str], None]:
    """Do the same as `need`, for Python packages."""

    def check(package: str) -> None:
        if importlib.util.find_spec(package) is not None:
            return
        if "STREAMDETECT_DEPLOY_CHECK" in os.environ:
            pytest.fail(f"not installed: {package}")
        pytest.skip(f"not installed: {package}; bash deploy/check.sh installs it")

    return check
