"""What every check of deploy/ wants: its folder, and the real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

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
