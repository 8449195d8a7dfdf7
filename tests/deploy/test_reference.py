"""REFERENCE.md is what the code says, and rules and dashboards ask only for metrics that it has."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import get_args, get_origin

import pytest
import yaml

from streamdetect.config import Config
from streamdetect.config.section import Section

DEPLOY = Path(__file__).parents[2] / "deploy"
HISTOGRAM = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", DEPLOY / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked_for(expression):
    """The names of our metrics in a query; what stands in quotes or is a recording rule is none."""
    words = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"(?<![:\w])(?:streamdetect|process)_\w+(?![:\w])", words))


def queries():
    for path in (DEPLOY / "prometheus/rules").iterdir():
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
    for path in (DEPLOY / "grafana/dashboards").iterdir():
        yield from re.findall(r'"(?:expr|query)": "((?:[^"\\]|\\.)*)"', path.read_text())


def test_it_is_what_the_code_says(reference):
    assert reference.FILE.read_text() == reference.text(), "python deploy/reference.py writes it anew"


def test_rules_and_dashboards_ask_for_metrics_that_there_are(reference):
    names = set()
    for name, kind, _, _ in reference.metrics():
        names |= {f"{name}{suffix}" for suffix in HISTOGRAM} if kind == "histogram" else {name}
    asked = set().union(*map(asked_for, queries()))
    assert len(asked) > 20
    assert asked <= names


@pytest.mark.parametrize("page", ["prometheus/RUNBOOK.md", "README.md"])
def test_pages_name_metrics_and_recording_rules_that_there_are(reference, page):
    names = {name for name, *_ in reference.metrics()}
    rules = {
        rule["record"]
        for path in (DEPLOY / "prometheus/rules").iterdir()
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    named = set(re.findall(r"streamdetect_[a-z_]+[a-z]|streamdetect:[\w:]+", (DEPLOY / page).read_text()))
    known = names | rules
    assert named
    assert {one for one in named if not any(each.startswith(one) for each in known)} == set()


def options(section, path=""):
    """Every option of a section and of those in it, by its path."""
    for name, field in section.model_fields.items():
        below = f"{path}.{name}".removeprefix(".")
        kinds = get_args(field.annotation) or (field.annotation,)
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)]
        if not sections or type(None) in kinds:
            yield below
        for part in sections:
            yield from options(part, f"{below}[]" if get_origin(field.annotation) is tuple else below)


def test_every_option_is_documented(reference):
    found = re.findall(r"^\| `([\w.\[\]]+)` \|", reference.text().split("## Metrics")[0], re.MULTILINE)
    assert set(found) == set(options(Config))
    assert len(found) > 100


def test_a_running_daemon_shows_what_is_documented_and_nothing_else(reference, live):
    shown = set(re.findall(r"^# TYPE (\S+)", live.exposition(), re.MULTILINE))
    after_a_week = {"streamdetect_sensor_error_drift"}
    assert shown == {name for name, *_ in reference.metrics()} - after_a_week
