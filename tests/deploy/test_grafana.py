"""The dashboards as Grafana's own schema has them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
NAMES = ("streamdetect-fleet.json", "streamdetect-sensor.json")


@pytest.fixture(scope="module")
def sdk(need_package):
    need_package("grafana_foundation_sdk")
    sys.path.insert(0, str(GRAFANA))
    from streamdetect_dashboards import writing  # noqa: PLC0415 - the package may be missing

    yield writing
    sys.path.remove(str(GRAFANA))


@pytest.fixture(params=NAMES)
def dashboard(request):
    return json.loads((GRAFANA / "dashboards" / request.param).read_text())


def test_the_files_are_what_the_code_makes(sdk):
    assert set(sdk.DASHBOARDS) == {path.name for path in (GRAFANA / "dashboards").iterdir()} == set(NAMES)
    for name, made in sdk.DASHBOARDS.items():
        assert (GRAFANA / "dashboards" / name).read_text() == sdk.written(made)


@pytest.mark.usefixtures("sdk")
def test_the_schema_knows_every_key(dashboard):
    """Reading with Grafana's types and writing again keeps everything: nothing is misspelt or misplaced."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415 - as above
    from grafana_foundation_sdk.cog.plugins import register_default_plugins  # noqa: PLC0415 - as above
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - as above

    register_default_plugins()
    assert json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder)) == dashboard


def test_panels_are_explained_and_do_not_overlap(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] == "state-timeline"
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_every_query_uses_the_variables_that_there_are(dashboard):
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {"datasource", "instance", "detector"} <= names
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            assert "$instance" in target["expr"]
            used = {word for word in ("detector", "sensor") if f"${word}" in target["expr"]}
            assert used <= names


def test_provisioning_points_at_the_dashboards_and_at_one_data_source():
    providers = yaml.safe_load((GRAFANA / "provisioning/dashboards/streamdetect.yml").read_text())
    assert providers["providers"][0]["options"]["path"].endswith("/dashboards/streamdetect")
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/streamdetect.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
