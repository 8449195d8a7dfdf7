"""The list of dashboards, and their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from streamdetect_dashboards.fleet import fleet
from streamdetect_dashboards.sensor import sensor

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

DASHBOARDS = {"streamdetect-fleet.json": fleet().build(), "streamdetect-sensor.json": sensor().build()}


def written(dashboard: Dashboard) -> str:
    """Return a dashboard as the text of its file: every panel with an id that stays."""
    for number, panel in enumerate(dashboard.panels or [], start=1):
        panel.id_val = number
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
