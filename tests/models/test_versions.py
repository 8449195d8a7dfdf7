"""Versions of a bundle: one is active at every moment, whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from streamdetect.bundles import versions
from streamdetect.bundles.bundle import Bundle
from streamdetect.cli import main
from streamdetect.errors import BundleError
from streamdetect.failpoints import VARIABLE


@pytest.fixture
def link(tmp_path):
    """A bundle that has become the first version of itself, and a second one that differs by its date."""
    path = tmp_path / "boiler"
    shutil.copytree(Bundle.load("general").path, path)
    versions.adopt(path)
    second = versions.fresh(path, 4e9)
    shutil.copytree(versions.active(path), second)
    manifest = second / "bundle.json"
    created = Bundle.load(second).manifest.created
    manifest.write_text(manifest.read_text().replace(created, "2090-01-01T00:00:00Z"))
    return path


def fingerprint(path):
    return Bundle.load(path).fingerprint


def test_a_link_is_followed_and_goes_forth_and_back(link):
    first, second = versions.versions(link)
    assert fingerprint(link) == fingerprint(first) != fingerprint(second)
    before = Bundle.load(link)
    versions.activate(link, second)
    assert fingerprint(link) == fingerprint(second)
    assert before.model_bytes("model.onnx")  # of the version that it is, not of the one that is active now
    assert versions.rollback(link) == first
    assert fingerprint(link) == fingerprint(first)
    with pytest.raises(BundleError, match="must have a version that was active before"):
        versions.rollback(link)


@pytest.mark.parametrize("place", ["versions.noted", "versions.activate", "versions.active"])
def test_killed_while_another_is_activated_one_of_them_is_active(link, place):
    first, second = versions.versions(link)
    script = (
        "import sys, pathlib\nfrom streamdetect.bundles import versions\n"
        "versions.activate(*map(pathlib.Path, sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, link, second],
        env=os.environ | {VARIABLE: f"{place}=kill"},
        check=False,
    )
    assert done.returncode == -9
    assert versions.active(link) == (second if place == "versions.active" else first)
    assert fingerprint(link) == fingerprint(versions.active(link))
    versions.activate(link, second)
    assert versions.active(link) == second


def test_old_versions_go_but_never_the_active_one(link):
    first, second = versions.versions(link)
    third = versions.fresh(link, 5e9)
    shutil.copytree(second, third)
    versions.activate(link, third)
    assert versions.prune(link, 2) == [second]  # it never was active
    assert versions.versions(link) == [first, third]
    assert versions.rollback(link) == first
    assert versions.prune(link, 1) == [third]


def test_what_has_no_versions_is_refused(tmp_path, link):
    shutil.copytree(versions.active(link), tmp_path / "plain")
    for path in (tmp_path / "plain", tmp_path / "nothing"):
        with pytest.raises(BundleError, match="--adopt"):
            versions.fresh(path, 0)
    with pytest.raises(BundleError, match="must be a plain bundle"):
        versions.adopt(link)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(tmp_path / "plain")
    with pytest.raises(BundleError, match="must have versions"):
        versions.active(elsewhere)


def test_the_command_lists_and_goes_back(link, capsys):
    first, second = versions.versions(link)
    versions.activate(link, second)
    assert main(["versions", str(link)]) == 0
    assert [line[:2] for line in capsys.readouterr().out.splitlines()] == ["  ", "* "]
    assert main(["versions", str(link), "--rollback"]) == 0
    assert capsys.readouterr().out.startswith(f"* {first.name}")
