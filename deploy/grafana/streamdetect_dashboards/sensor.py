"""One sensor: what it said, how well the model rebuilt it, and when that was anomalous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import statetimeline
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.units import Seconds, Short

from streamdetect_dashboards.panels import (
    SOURCE,
    annotation,
    asking,
    graph,
    limits,
    number,
    page,
    painted,
    variable,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard

IT = '{instance=~"$instance", detector=~"$detector", sensor="$sensor"}'


def sensor() -> dashboard.Dashboard:
    """The sensor that the variable names."""
    made = page(
        "streamdetect / Sensor",
        "streamdetect-sensor",
        "One sensor: its value, its reconstruction error against the threshold, its incidents.",
        "now-1h",
    )
    sensors = 'label_values(streamdetect_sensor_value{instance=~"$instance", detector=~"$detector"}, sensor)'
    made = made.with_variable(variable("sensor", "Sensor", sensors, several=False))
    made = made.annotation(annotation("Incident", f"streamdetect_sensor_incident_open{IT} == 1", "red"))
    for panel in (*NOW, VALUE, ERROR, verdicts(), SCORE):
        made = made.with_panel(panel)
    return made


NOW = (
    number(
        "Incident",
        "Whether one is open.",
        Short,
        f"streamdetect_sensor_incident_open{IT}",
        span=4,
        names={"0": ("none", "green"), "1": ("open", "red")},
    ),
    number("Value", "The latest reading.", Short, f"streamdetect_sensor_value{IT}", span=4),
    number(
        "Score",
        "Reconstruction error ÷ threshold of the latest window; above 1 is anomalous.",
        Short,
        f"streamdetect_sensor_anomaly_score{IT}",
        span=4,
        steps=((None, "green"), (1.0, "orange"), (2.0, "red")),
    ),
    number(
        "Reconstruction error",
        "Of the latest window, in units of the model's scaled input.",
        Short,
        f"streamdetect_sensor_reconstruction_error{IT}",
        span=4,
    ),
    number(
        "Threshold",
        "The limit that the latest error was held against.",
        Short,
        f"streamdetect_sensor_threshold{IT}",
        span=4,
    ),
    number(
        "Latest reading",
        "How long ago, by the clock of whoever stamped it.",
        Seconds,
        f"time() - streamdetect_sensor_last_reading_timestamp_seconds{IT}",
        span=4,
        steps=((None, "green"), (300.0, "orange"), (900.0, "red")),
    ),
)


VALUE = graph(
    "Value",
    "The readings as Prometheus saw them: those between two scrapes are judged, but not drawn.",
    Short,
    (f"streamdetect_sensor_value{IT}", "{{sensor}} {{feature}}"),
    span=24,
    from_zero=False,
)
ERROR = painted(
    graph(
        "Reconstruction error against its threshold",
        "Over the threshold a window is anomalous. The threshold is mean + sigma standard deviations of this "
        "sensor's past errors; before there are enough of them, of the training errors.",
        Short,
        (f"streamdetect_sensor_reconstruction_error{IT}", "error"),
        (f"streamdetect_sensor_threshold{IT}", "threshold"),
        span=24,
    ),
    {"error": "blue", "threshold": "red"},
)
SCORE = graph(
    "Score",
    "Reconstruction error ÷ threshold: the same scale for every sensor and model. From 1 on anomalous, "
    "from 2 on critical unless incidents.critical_score says otherwise.",
    Short,
    (f"streamdetect_sensor_anomaly_score{IT}", "score"),
    span=24,
    steps=((None, "green"), (1.0, "orange"), (2.0, "red")),
)


def verdicts() -> statetimeline.Panel:
    """Two bars that change their color with the verdict, and with the incident that comes of verdicts."""
    panel = statetimeline.Panel().title("Verdict and incident").datasource(SOURCE).span(24).height(5)
    panel = panel.description(
        "Whether the window was anomalous, and whether there is an incident: a window over the threshold is "
        "not worth one by itself. Gaps: not known, or not scraped."
    )
    panel = panel.show_value(looks.VisibilityMode.NEVER).row_height(0.7).fill_opacity(80)
    panel = panel.thresholds(limits(((None, "green"), (1.0, "red"))))
    words = {"0": ("no", "green"), "1": ("yes", "red")}
    options = {
        value: models.ValueMappingResult(text=word, color=color) for value, (word, color) in words.items()
    }
    panel = panel.mappings([models.ValueMap(options=options)])
    queries = (
        (f"streamdetect_sensor_anomalous{IT}", "anomalous"),
        (f"streamdetect_sensor_incident_open{IT}", "incident"),
    )
    return asking(panel, queries, instant=False)
