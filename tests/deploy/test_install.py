"""The packages of an installation."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import streamdetect

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MOST = 15


def needed(name: str, found: set[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """A package and all that it needs here, by name."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name in found:
        return found
    found.add(name)
    for text in requires(name) or ():
        wanted = Requirement(text)
        markers = [{"extra": extra} for extra in extras or {""}]
        if wanted.marker is None or any(wanted.marker.evaluate(extra) for extra in markers):
            needed(wanted.name, found, frozenset(wanted.extras))
    return found


def test_a_daemon_needs_no_more_than_fifteen_packages():
    found: set[str] = set()
    try:
        for text in PROJECT["dependencies"]:
            needed(Requirement(text).name, found)
    except PackageNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    assert len(found) <= MOST, sorted(found)


def test_the_broker_client_is_the_one_whose_private_parts_are_known():
    (paho,) = (text for text in PROJECT["dependencies"] if text.startswith("paho-mqtt"))
    assert not Requirement(paho).specifier.contains("2.3.0")


def test_the_image_is_made_of_what_the_project_asks_for():
    for lock, asked in (("requirements", PROJECT["dependencies"]), ("build", ["hatchling>=1.27"])):
        text = (ROOT / "deploy" / "container" / f"{lock}.lock").read_text()
        locked = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE))
        for one in map(Requirement, asked):
            assert one.specifier.contains(locked[one.name]), f"{one}: locked is {locked[one.name]}"
        assert text.count("--hash=sha256:") >= len(locked)


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", streamdetect.__version__)
