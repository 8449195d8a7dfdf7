"""The scripts and programs of deploy/ themselves."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from streamdetect import config

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPTS = sorted(DEPLOY.rglob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(run, script):
    assert run("shellcheck", "--enable=all", "--exclude=SC2250,SC2310,SC2312", script) == ""


def test_types(run, need_package):
    need_package("grafana_foundation_sdk")
    run(sys.executable, "-m", "mypy", "--strict", DEPLOY / "reference.py")
    mypy = (sys.executable, "-m", "mypy", "--strict")
    run("env", f"--chdir={DEPLOY / 'grafana'}", *mypy, "-p", "streamdetect_dashboards")


def test_links_in_the_guide_lead_somewhere():
    for page in (DEPLOY / "README.md", DEPLOY / "prometheus/RUNBOOK.md"):
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
            path = (page.parent / target) if target else page
            assert path.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
                slugs = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
                assert anchor in slugs, f"{target}#{anchor}"


@pytest.mark.parametrize("name", ["README.md", "deploy/README.md"])
def test_configurations_in_the_guides_are_valid(name):
    text = (DEPLOY.parent / name).read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```|<< *'END'\n(mqtt:.*?)^END$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        config.parse("".join(block))
