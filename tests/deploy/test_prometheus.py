"""Prometheus' own tool on our configuration, rules and alerts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from streamdetect.config import Config

HERE = Path(__file__).parents[2] / "deploy" / "prometheus"
TESTS = sorted(path.name for path in (HERE / "tests").iterdir())


def rules(name):
    groups = yaml.safe_load((HERE / "rules" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}


def test_configuration(run):
    run("promtool", "check", "config", HERE / "prometheus.yml")


@pytest.mark.parametrize("name", ["alerts.yml", "recording.yml"])
def test_rules(run, name):
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", HERE / "rules" / name)


@pytest.mark.parametrize("name", TESTS)
def test_unit_tests(run, name):
    run("promtool", "test", "rules", HERE / "tests" / name)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_quiet_and_firing_and_in_the_runbook(alert):
    cases = [
        one
        for test in yaml.safe_load((HERE / "tests/alerts.test.yml").read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["alertname"] == alert
    ]
    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}
    assert f"\n## {alert}\n" in (HERE / "RUNBOOK.md").read_text()
    assert ALERTS[alert]["annotations"]["runbook"] == f"deploy/prometheus/RUNBOOK.md#{alert.lower()}"
    assert ALERTS[alert]["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_inbox_is_seen_to_be_full_while_the_largest_batch_is_out_of_it():
    share = float(
        re.search(r"> (\S+) \* streamdetect_inbox_limit", ALERTS["StreamdetectInboxFull"]["expr"])[1]
    )
    defaults = Config.defaults()
    limit = defaults.mqtt.max_undelivered_messages
    assert share * limit < limit - defaults.batch_size


def test_the_runbook_has_no_other_sections():
    headings = [line[3:] for line in (HERE / "RUNBOOK.md").read_text().splitlines() if line.startswith("## ")]
    assert headings == list(ALERTS)


def test_alertmanager(run):
    run("amtool", "check-config", HERE / "alertmanager.yml")


def test_alertmanager_names_only_alerts_that_there_are():
    inhibit = yaml.safe_load((HERE / "alertmanager.yml").read_text())["inhibit_rules"]
    matchers = [
        matcher for rule in inhibit for side in ("source", "target") for matcher in rule[f"{side}_matchers"]
    ]
    named = {name for matcher in matchers for name in matcher.split('"')[1].split("|")}
    assert named <= set(ALERTS)
