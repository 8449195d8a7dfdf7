"""A minute of the real thing: every query of the dashboards has an answer."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from live import FAULTS, SENSORS

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"


def pieces():
    """Yield (dashboard, panel or variable or annotation, query, whether instant)."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield pytest.param(
                    target["expr"],
                    bool(target.get("instant")),
                    id=f"{path.stem}: {panel['title']} {target['refId']}",
                )
        for annotation in dashboard["annotations"]["list"]:
            yield pytest.param(annotation["expr"], False, id=f"{path.stem}: annotation {annotation['name']}")


def variables():
    for path in sorted(DASHBOARDS.glob("*.json")):
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                yield pytest.param(variable["query"], id=f"{path.stem}: variable {variable['name']}")


def filled(expression, live):
    """Put in what Grafana would, `All` for what may have several values."""
    values = {
        "instance": ".+",
        "detector": ".+",
        "sensor": next(iter(FAULTS)),
        "__interval_ms": "5000",
        "__rate_interval": "4s",
        "__range": f"{live.ended - live.started:.0f}s",
    }
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


@pytest.mark.parametrize(("expression", "instant"), list(pieces()))
def test_every_query_has_an_answer(live, expression, instant):
    ask = live.query if instant else live.query_range
    assert ask(filled(expression, live)), expression


@pytest.mark.parametrize("query", list(variables()))
def test_every_variable_has_values(live, query):
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
    assert live.labels(filled(selector, live), label)


def test_the_faults_are_seen(live):
    for sensor in FAULTS:
        assert live.query(f'max_over_time(streamdetect_sensor_anomalous{{sensor="{sensor}"}}[5m]) == 1')
    assert live.query('sum(streamdetect_incident_transitions_total{kind="opened"}) >= 2')
    assert len(live.query("streamdetect_sensor_value")) == len(SENSORS)


def test_aliases_for_promql_anomaly_detection(live):
    level = live.query('anomaly:level{anomaly_strategy="streamdetect"}')
    assert len(level) == len(SENSORS)
    assert len(
        live.query("anomaly:level <= anomaly:upper_band or anomaly:level > anomaly:upper_band")
    ) == len(SENSORS)
    assert len(live.query("anomaly:level >= anomaly:lower_band")) == len(SENSORS)


def test_no_alert_fires_without_a_reason(live):
    names = {alert["metric"]["alertname"] for alert in live.query('ALERTS{alertstate="firing"}')}
    # One start too many is no series of restarts, one lost connection no flapping.
    assert names <= {"StreamdetectSensorAnomalous"}


def test_every_rule_is_evaluated(live):
    rules = [rule for group in live.rules() for rule in group["rules"]]
    assert {(rule["name"], rule["health"], rule.get("lastError", "")) for rule in rules} == {
        (rule["name"], "ok", "") for rule in rules
    }


def test_promtool_likes_the_exposition(need, live):
    need("promtool")
    done = subprocess.run(
        ["promtool", "check", "metrics"], check=False, input=live.exposition(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
