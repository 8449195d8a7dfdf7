"""One sensor: its value and what would be usual, the score of each view, and when it was anomalous."""

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
        "One sensor: its value and its band, the score of each view, its incidents.",
        "now-1h",
    )
    sensors = 'label_values(streamdetect_sensor_value{instance=~"$instance", detector=~"$detector"}, sensor)'
    made = made.with_variable(variable("sensor", "Sensor", sensors, several=False))
    made = made.annotation(annotation("Incident", f"streamdetect_sensor_incident_open{IT} == 1", "red"))
    for panel in (*NOW, VALUE, VIEWS, verdicts(), ERROR):
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
        "The largest score of all views; above 1 is anomalous.",
        Short,
        f"streamdetect_sensor_anomaly_score{IT}",
        span=4,
        steps=((None, "green"), (1.0, "orange"), (2.0, "red")),
    ),
    number(
        "Expected",
        "The value that is expected now.",
        Short,
        f"streamdetect_sensor_expected{IT}",
        span=4,
    ),
    number(
        "Warm-up",
        "How long until the sensor is judged, at the rate of its readings; 0: it is judged now.",
        Seconds,
        f"streamdetect_sensor_warmup_seconds{IT}",
        span=4,
    ),
    number(
        "Latest reading",
        "How long ago it was, by the clock that stamped it.",
        Seconds,
        f"time() - streamdetect_sensor_last_reading_timestamp_seconds{IT}",
        span=4,
        steps=((None, "green"), (300.0, "orange"), (900.0, "red")),
    ),
)


VALUE = painted(
    graph(
        "Value and its band",
        "The readings as Prometheus saw them: those between two scrapes are judged, but not drawn. Outside "
        "the band the value alone is anomalous; within it, its shape, its trend or its time of day can be.",
        Short,
        (f"streamdetect_sensor_value{IT}", "value {{feature}}"),
        (f"streamdetect_sensor_expected{IT}", "expected {{feature}}"),
        (f"streamdetect_sensor_lower{IT}", "lower {{feature}}"),
        (f"streamdetect_sensor_upper{IT}", "upper {{feature}}"),
        span=24,
        from_zero=False,
    ),
    {"value": "blue", "expected": "green", "lower": "red", "upper": "red"},
)
VIEWS = graph(
    "Views",
    "The score of each view: 1 is its limit, and the verdict is the largest. From 2 on an incident is "
    "critical unless incidents.critical_score says otherwise. A view that is still learning has no line.",
    Short,
    (f"streamdetect_sensor_view_score{IT}", "{{view}}"),
    span=24,
    steps=((None, "green"), (1.0, "orange"), (2.0, "red")),
)
ERROR = painted(
    graph(
        "Reconstruction error against its threshold",
        "One of the views: how badly the autoencoder rebuilds the latest window, and the threshold from "
        "this sensor's own past errors.",
        Short,
        (f"streamdetect_sensor_reconstruction_error{IT}", "error"),
        (f"streamdetect_sensor_threshold{IT}", "threshold"),
        span=24,
    ),
    {"error": "blue", "threshold": "red"},
)


def verdicts() -> statetimeline.Panel:
    """Bars that change their color with the verdict, the incident and silence."""
    panel = (
        statetimeline.Panel().title("Verdict, incident, silence, mute").datasource(SOURCE).span(24).height(5)
    )
    panel = panel.description(
        "Whether the latest reading was anomalous, whether there is an incident (one score a little above 1 "
        "does not open one), whether the sensor is silent, and whether it is muted. Gaps: not known, or not "
        "scraped."
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
        (f"streamdetect_sensor_silent{IT}", "silent"),
        (f"streamdetect_sensor_muted{IT}", "muted"),
    )
    return asking(panel, queries, instant=False)
