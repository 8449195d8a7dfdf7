"""The fleet overview: health, throughput, and which sensors are anomalous."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.units import (
    BytesIEC,
    CountsPerSecond,
    MessagesPerSecond,
    PercentUnit,
    Seconds,
    Short,
)

from streamdetect_dashboards.panels import annotation, graph, listing, number, page, painted, ranking

ONE = '{instance=~"$instance"}'
EACH = '{instance=~"$instance", detector=~"$detector"}'
DROPPED = '{instance=~"$instance", detector=~"$detector", outcome!="accepted"}'
# The process_ metrics of our daemons and of nobody else, whatever the job is called
OURS = f"* on (job, instance) group_left () streamdetect_build_info{ONE}"


def fleet() -> dashboard.Dashboard:
    """All daemons, all detectors."""
    made = page(
        "streamdetect / Fleet",
        "streamdetect-fleet",
        "Health, throughput, latency and the state of all sensors.",
        "now-1h",
    )
    # Two steps: what is young is not scraped at once. changes() would not see a start after a long absence.
    starts = f"(time() - process_start_time_seconds{ONE} < 2 * $__interval_ms / 1000) {OURS}"
    made = made.annotation(annotation("Daemon started", starts, "purple"))
    for row, panels in ROWS.items():
        made = made.with_row(dashboard.Row(row))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def _in_an_incident(series: str) -> str:
    """A series of those sensors that had an incident in the time shown."""
    had = f"max_over_time(streamdetect_sensor_incident_open{EACH}[$__range]) == 1"
    each = "instance, detector, sensor"
    return f"max by ({each}) ({series} and on ({each}) {had})"


def _per_detector(counter: str) -> str:
    return f"sum by (instance, detector) (rate(streamdetect_{counter}_total{EACH}[$__rate_interval]))"


_ACCEPTED = (
    "sum by (instance, detector) (rate(streamdetect_readings_total"
    '{instance=~"$instance", detector=~"$detector", outcome="accepted"}[$__rate_interval]))'
)

HEALTH = (
    number("Daemons", "Daemons that answer Prometheus.", Short, f"count(streamdetect_build_info{ONE})"),
    number(
        "Broker",
        "Whether every daemon is connected to its broker and every subscription is granted.",
        Short,
        f"min(streamdetect_mqtt_connected{ONE} * streamdetect_mqtt_subscribed{ONE})",
        names={"1": ("connected", "green"), "0": ("not connected", "red")},
    ),
    number(
        "Last message",
        "How long ago a daemon got its last message; the longest of all daemons.",
        Seconds,
        f"max(time() - streamdetect_last_message_timestamp_seconds{ONE})",
        steps=((None, "green"), (60.0, "orange"), (600.0, "red")),
    ),
    number(
        "Configuration",
        "Whether every daemon loaded its latest configuration.",
        Short,
        f"min(streamdetect_config_last_reload_successful{ONE})",
        names={"1": ("in force", "green"), "0": ("refused", "red")},
    ),
    number("Sensors", "Sensors known.", Short, f"sum(streamdetect_sensors{EACH})"),
    number(
        "State",
        "Whether every daemon keeps its state on disk and can write it.",
        Short,
        f"min(streamdetect_state_durable{ONE} * streamdetect_state_writable{ONE})",
        names={"1": ("on disk", "green"), "0": ("not kept", "red")},
    ),
    number(
        "Open incidents",
        "Sensors with an incident that has not been closed.",
        Short,
        f"sum(streamdetect_incidents_open{EACH})",
        steps=((None, "green"), (1.0, "red")),
    ),
    number(
        "Events not delivered",
        "Events that wait for the broker, now.",
        Short,
        f"sum(streamdetect_outbox_depth{ONE})",
        steps=((None, "green"), (100.0, "orange"), (1000.0, "red")),
    ),
)

SENSORS = (
    painted(
        graph(
            "Sensors by state",
            "A sensor that warms up has no incidents, except by limits, rate and silent_after.",
            Short,
            (f"sum(streamdetect_sensors{EACH})", "known"),
            (f"sum(streamdetect_sensors_warming_up{EACH})", "warming up"),
            (f"sum(streamdetect_incidents_open{EACH})", "in an incident"),
            (f"sum(streamdetect_sensor_silent{EACH})", "silent"),
        ),
        {"known": "green", "warming up": "orange", "in an incident": "red", "silent": "purple"},
    ),
    painted(
        graph(
            "Incidents",
            "Incidents opened and closed, and changes of regime: a new level that became normal.",
            Short,
            (
                f"sum by (kind) (increase(streamdetect_incident_transitions_total{EACH}[$__rate_interval]))",
                "{{kind}}",
            ),
            bars=True,
        ),
        {"opened": "red", "updated": "orange", "closed": "green", "regime_changed": "blue"},
    ),
    ranking(
        "Most anomalous now",
        "The largest score of all views; above 1 is anomalous. A click shows the sensor.",
        Short,
        (f"topk(10, streamdetect_sensor_anomaly_score{EACH})", "{{sensor}}"),
        steps=((None, "green"), (1.0, "orange"), (2.0, "red")),
    ),
    ranking(
        "Most often anomalous",
        "Share of the time shown in which the sensor was anomalous.",
        PercentUnit,
        (f"topk(10, avg_over_time(streamdetect_sensor_anomalous{EACH}[$__range]))", "{{sensor}}"),
        steps=((None, "green"), (0.1, "orange"), (0.5, "red")),
    ),
    ranking(
        "Longest silent",
        "Time since the sensor's latest reading, by the clock that stamped it.",
        Seconds,
        (f"topk(10, time() - streamdetect_sensor_last_reading_timestamp_seconds{EACH})", "{{sensor}}"),
        steps=((None, "green"), (300.0, "orange"), (900.0, "red")),
    ),
    listing(
        "Incidents",
        "Sensors with an incident in the time shown. The message of each is in the log and in "
        "`streamdetect incidents`. With several features, the largest is shown.",
        Short,
        (
            (_in_an_incident(f"streamdetect_sensor_incident_open{EACH}"), "incident"),
            (_in_an_incident(f"streamdetect_sensor_value{EACH}"), "value"),
            (_in_an_incident(f"streamdetect_sensor_lower{EACH}"), "lower"),
            (_in_an_incident(f"streamdetect_sensor_upper{EACH}"), "upper"),
            (
                _in_an_incident(f"max_over_time(streamdetect_sensor_anomaly_score{EACH}[$__range])"),
                "worst score",
            ),
            (_in_an_incident(f"streamdetect_sensor_muted{EACH}"), "muted"),
        ),
        names={
            "incident": {"0": ("over", "green"), "1": ("open", "red")},
            "muted": {"0": ("no", "text"), "1": ("yes", "orange")},
        },
    ),
)

FLOW = (
    graph(
        "Messages",
        "MQTT messages handled per second, by outcome.",
        MessagesPerSecond,
        (f"sum by (outcome) (rate(streamdetect_messages_total{ONE}[$__rate_interval]))", "{{outcome}}"),
        span=8,
        stacked=True,
    ),
    graph(
        "Windows scored",
        "Windows scored by the model per second.",
        CountsPerSecond,
        (_per_detector("windows_scored"), "{{detector}} on {{instance}}"),
        span=8,
    ),
    graph(
        "Anomalous readings",
        "Share of the readings with a score above 1. A few percent are normal: an incident takes more.",
        PercentUnit,
        (f"{_per_detector('anomalies')} / {_ACCEPTED}", "{{detector}} on {{instance}}"),
        span=8,
    ),
    graph(
        "Rejected messages",
        "Messages per second that were rejected, by reason; the journal has examples of each.",
        MessagesPerSecond,
        (f"sum by (reason) (rate(streamdetect_rejected_total{ONE}[$__rate_interval])) > 0", "{{reason}}"),
        span=8,
        stacked=True,
    ),
    graph(
        "Dropped readings",
        "Readings per second that were late, repeated, or of a new sensor above max_sensors.",
        CountsPerSecond,
        (f"sum by (outcome) (rate(streamdetect_readings_total{DROPPED}[$__rate_interval]))", "{{outcome}}"),
        span=8,
        stacked=True,
    ),
    graph(
        "Connection",
        "Connections made and lost, and sessions that the broker forgot, with the messages in them.",
        Short,
        (f"sum(increase(streamdetect_mqtt_connects_total{ONE}[$__rate_interval]))", "made"),
        (f"sum(increase(streamdetect_mqtt_disconnects_total{ONE}[$__rate_interval]))", "lost"),
        (
            f"sum(increase(streamdetect_mqtt_session_losses_total{ONE}[$__rate_interval]))",
            "session forgotten",
        ),
        span=8,
        bars=True,
    ),
)


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    rate = f"sum by (le) (rate({metric}_bucket{ONE}[$__rate_interval]))"
    return tuple((f"histogram_quantile({q}, {rate})", name) for q, name in ((0.5, "median"), (0.99, "99 %")))


LATENCY = (
    graph(
        "Arrival to verdict",
        "From the arrival of a message to the verdict on its window.",
        Seconds,
        *_quantiles("streamdetect_end_to_end_latency_seconds"),
        span=8,
    ),
    graph(
        "Inference",
        "Time to score the windows of one batch and detector.",
        Seconds,
        *_quantiles("streamdetect_inference_duration_seconds"),
        span=8,
    ),
    graph(
        "Messages in a batch",
        "Small batches mean that there is time to spare. At `batch.max_batch` the daemon handles all it can.",
        Short,
        *_quantiles("streamdetect_batch_size"),
        span=8,
    ),
    graph(
        "Waiting",
        "Messages in the inbox and events in the outbox.",
        Short,
        (f"sum by (instance) (streamdetect_inbox_depth{ONE})", "inbox of {{instance}}"),
        (f"sum by (instance) (streamdetect_outbox_depth{ONE})", "outbox of {{instance}}"),
        span=8,
    ),
    graph(
        "Memory",
        "Resident memory of the daemons.",
        BytesIEC,
        (f"process_resident_memory_bytes{ONE} {OURS}", "{{instance}}"),
        span=8,
    ),
    graph(
        "Processor",
        "Cores in use. Verdicts fall behind when the main thread and the model's threads are all busy.",
        Short,
        (f"rate(process_cpu_seconds_total{ONE}[$__rate_interval]) {OURS}", "{{instance}}"),
        span=8,
    ),
)

STATE = (
    graph(
        "Waiting for the disk",
        "How long the oldest message has waited for its commit; then it is acknowledged.",
        Seconds,
        (f"streamdetect_checkpoint_age_seconds{ONE}", "{{instance}}"),
        span=8,
    ),
    graph(
        "Commits",
        "Transactions per second, and those that failed.",
        CountsPerSecond,
        (f"rate(streamdetect_state_commits_total{ONE}[$__rate_interval])", "{{instance}}"),
        (f"rate(streamdetect_state_commit_failures_total{ONE}[$__rate_interval])", "{{instance}} failed"),
        span=8,
    ),
    graph(
        "Journal",
        "The journal since the last snapshot; a start reads it again.",
        BytesIEC,
        (f"streamdetect_state_journal_bytes{ONE}", "{{instance}}"),
        span=8,
    ),
)

ROWS = {
    "Health": HEALTH,
    "Sensors": SENSORS,
    "Throughput": FLOW,
    "Latency and resources": LATENCY,
    "State": STATE,
}
