"""Checks whether this machine, the log and the configuration are ready for Spark."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from streamdetect.bundles.bundle import Bundle
from streamdetect.errors import StreamdetectError
from streamdetect.spark.opening import open_log
from streamdetect.spark.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamdetect.config import Config

_LEAST_JAVA = 17  # what Spark 4 asks for


class Finding(NamedTuple):
    """The outcome of one check."""

    ok: bool
    text: str


def examine(config: Config) -> Iterator[Finding]:
    """Check everything that can be checked before the first micro-batch."""
    yield _java()
    for problem in refusals(config):
        yield Finding(ok=False, text=str(problem))
    for one in config.detectors:
        yield _bundle(one.name, one.bundle)
    yield from _log(config)


def _java() -> Finding:
    java = shutil.which("java")
    if java is None:
        return Finding(ok=False, text="java: must be installed: apt install default-jre-headless")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 - as Spark starts it
    version = re.search(r'version "(\d+)', said)
    found = int(version[1]) if version else 0
    return Finding(found >= _LEAST_JAVA, f"java: must be >= {_LEAST_JAVA}, got {found}")


def _bundle(detector: str, path: str) -> Finding:
    try:
        bundle = Bundle.load(path)
    except StreamdetectError as error:
        return Finding(ok=False, text=f"detector {detector}: {error}")
    return Finding(ok=True, text=f"detector {detector}: bundle {path} {bundle.fingerprint}, on every machine")


def _log(config: Config) -> Iterator[Finding]:
    settings = config.spark
    try:
        bounds = open_log(settings).bounds()
    except (StreamdetectError, ModuleNotFoundError) as error:
        yield Finding(ok=False, text=f"log: {error}")
        return
    for at, one in enumerate(bounds):
        text = f"partition {at}: messages {one.first} to {one.end - 1}"
        yield Finding(ok=True, text=text)
