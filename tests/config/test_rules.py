"""Rules that span options, and what the sections give to the rest of the program."""

from __future__ import annotations

import dataclasses
import math

import pytest
from pydantic import ValidationError
from refused import problems

from streamdetect.codecs import PayloadSettings, Routing
from streamdetect.config import Config, IncidentsConfig, PayloadConfig, parse
from streamdetect.config.detectors import OWN
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.rules import VIEWS, Rule

LEVEL_RULE = "must have literals, _, {name}, text with {name} in it or a final # as levels"
FORMAT_RULE = "must be s, ms, us, ns, rfc3339, auto, or a pattern like %d.%m.%Y %H:%M:%S"
PATH_RULE = "must be a path like value, data.temp, readings[0].v or data['odd key']"


@pytest.mark.parametrize(
    ("mqtt", "expected"),
    [
        ("password: a", ["mqtt.username: is required with password"]),
        (
            "username: u, password: a, password_file: b, password_env: c",
            [
                "mqtt.password_file: cannot be combined with password",
                "mqtt.password_env: cannot be combined with password",
            ],
        ),
        ("path: /x", ["mqtt.path: is for the transports websockets and unix, got '/x'"]),
        (
            "transport: websockets, path: x",
            ["mqtt.path: must begin with / for the transport websockets, got 'x'"],
        ),
        ("transport: unix", ["mqtt.path: is required for the transport unix: the socket to connect to"]),
        (
            "transport: unix, path: /run/m.sock, port: 1883, tls: {enabled: true}",
            [
                "mqtt.port: is not for the transport unix, got 1883",
                "mqtt.tls.enabled: is not for the transport unix, got true",
            ],
        ),
        ("tls: {ca_file: a}", ["mqtt.tls.ca_file: needs tls.enabled: true, got 'a'"]),
        ("tls: {enabled: true, key_file: a}", ["mqtt.tls.cert_file: is required with key_file"]),
        ("tls: {enabled: true, cert_file: a}", ["mqtt.tls.key_file: is required with cert_file"]),
        (
            "tls: {enabled: true, key_password_file: a}",
            ["mqtt.tls.key_file: is required with key_password_file"],
        ),
    ],
)
def test_rules_of_the_connection(mqtt, expected):
    assert problems(f"mqtt: {{{mqtt}}}") == expected


@pytest.mark.parametrize(
    ("mqtt", "port"),
    [
        ("{}", 1883),
        ("{tls: {enabled: true}}", 8883),
        ("{transport: websockets}", 80),
        ("{transport: websockets, tls: {enabled: true}}", 443),
        ("{transport: unix, path: /run/m.sock}", 0),
        ("{port: 2000, tls: {enabled: true}}", 2000),
    ],
)
def test_the_port_follows_the_transport(mqtt, port):
    assert parse(f"mqtt: {mqtt}").mqtt.resolved_port == port


@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        ("threshold: {min_count: 20000}", "threshold.min_count: must be <= history (10000), got 20000"),
        ("limits: {low: 3.0, high: 2.0}", "limits.low: must be < high (2), got 3.0"),
        (
            "overrides: [{sensors: a, limits: {low: 3.0, high: 2.0}}]",
            "overrides[0].limits.low: must be < high (2), got 3.0",
        ),
        (
            "topics: [a/#], templates: ['b/{x}']",
            "templates[0]: must be able to match a topic of topics, got 'b/{x}'",
        ),
        (
            "topics: [a/+, b/#], templates: ['b/{x}']",
            "topics[0]: must have topics that one of the templates matches, got 'a/+'",
        ),
        (
            "topics: [a/#], templates: ['a/b{X}']",
            f"templates[0]: {LEVEL_RULE}, not 'b{{X}}', got 'a/b{{X}}'",
        ),
        ("threshold: {level: 0.65}", "threshold.level: is for kind: fixed, got 0.65"),
        (
            "sensor: '{site}', payload: {format: number}",
            "sensor: has {site}, which no template has; payloads of number name nothing, got '{site}'",
        ),
        (
            "topics: [a/#], templates: ['a/{x}', 'a/{site}/{x}'], sensor: '{site}'",
            "sensor: must have only names of every template; a/{x} has no {site}, got '{site}'",
        ),
        (
            "topics: [a/#], templates: ['a/{site}'], sensor: '{sitee}'",
            "sensor: has {sitee}, did you mean {site}?, got '{sitee}'",
        ),
        (
            "topics: [a/#], templates: ['a/{x}/{by}'], sensor: '{id}', join: {by: by}",
            "join: cannot be combined with sensors that the payload names",
        ),
        (
            "topics: [a/#], ignore: ['a/#/b']",
            "ignore[0]: must have # only alone, as the last level, got 'a/#/b'",
        ),
        (
            "sensor: 'x{field}'",
            "sensor: must not have {field} without payload.fields: per_sensor, got 'x{field}'",
        ),
        ("sensor: fixed", "sensor: must name at least one label, as in {sensor}, got 'fixed'"),
        ("payload: {fields: per_sensor}", "payload.values: is required with fields: per_sensor"),
        ("payload: {value: x, values: {a: b}}", "payload.value: cannot be combined with values, got 'x'"),
        ("payload: {time_format: ms}", "payload.time: is required with time_format: where the time is"),
        ("payload: {format: number, value: x}", "payload.value: is not for the format number, got 'x'"),
        ("payload: {format: number, values: {a: b}}", "payload.values: is not for the format number"),
        ("payload: {format: number, time: t}", "payload.time: is not for the format number, got 't'"),
        (
            "payload: {format: influx, time_format: rfc3339}",
            "payload.time_format: must be a unit: timestamps in line protocol are integers, got 'rfc3339'",
        ),
        ("payload: {format: number, each: a}", "payload.each: is not for the format number, got 'a'"),
        ("payload: {format: number, booleans: true, numeric_strings: true}", None),
        (
            "payload: {time_zone: Europe/Berlin}",
            "payload.time: is required with time_zone: where the time is",
        ),
        (
            "payload: {time: t, time_zone: Mars}",
            "payload.time_zone: must be a time zone like Europe/Berlin or UTC, got 'Mars'",
        ),
        (
            "payload: {time: t, time_format: iso}",
            f"payload.time_format: {FORMAT_RULE}, got 'iso'",
        ),
        (
            "payload: {format: bytes}",
            "payload.type: is required for the format bytes, or values: one of them",
        ),
        (
            "payload: {format: bytes, values: {a: int16}}",
            "payload.values.a: must be a type and the number of its first byte, like int16-be@4, got 'int16'",
        ),
        ("payload: {each: 'a['}", f"payload.each: {PATH_RULE}, got 'a['"),
        (
            "payload: {time: 'a['}",
            f"payload.time: {PATH_RULE}, got 'a['",
        ),
        (
            "payload: {values: {a.b: 'x['}}",
            f"payload.values.a.b: {PATH_RULE}, got 'x['",
        ),
    ],
)
def test_rules_of_a_detector(detector, expected):
    if expected is None:
        parse(f"detectors: [{{{detector}}}]")
        return
    assert problems(f"detectors: [{{{detector}}}]") == [f"detectors[0].{expected}"]


def test_events_never_land_on_the_status_topic():
    rule = "events.topic: must not match the status topic streamdetect/status"
    for topic in ("{prefix}/{sensor}", "streamdetect/{detector}", "{prefix}/status"):
        assert problems(f"events: {{topic: '{topic}'}}") == [f"{rule}, got '{topic}'"]


def test_what_the_rules_allow():
    config = parse("""
mqtt: {protocol: 5, username: u, password: p, transport: websockets, max_payload: 1MiB, keepalive: 1min}
events: {prefix: a/sd, topic: "{prefix}/{detector}/{sensor}", labels: {site: north}, source: urn:x}
detectors:
  - name: a
    topics: [/plant/#]
    templates: ["/plant/{site}/_/{sensor}", "/plant/{site}/{sensor}"]
    sensor: "{site}/{field}/{sensor}"
    payload: {values: {t: data.t, h: data.h}, fields: per_sensor, time: ts, time_format: ms}
    max_future: 0
    max_gap: 90s
    idle_after: null
    incidents: {regime_change_after: null}
    sensitivity: 0.5
    silent_after: 2h
    limits: {high: {t: 40.0}, rate: 0.5}
    overrides:
      - {sensors: north/*, views: [limits, silent], limits: {low: -5.0}}
      - {sensors: south/*, exclude: true}
      - {sensors: east/*, direction: {t: up}, least_deviation: 0.5, least_relative_deviation: {t: 0.1}}
  - name: b
    topics: [other]
    payload: {format: influx, value: temp, time_format: ms}
""")
    first, second = config.detectors
    assert first.payload_settings(config.mqtt.max_payload) == PayloadSettings(
        values={"t": "data.t", "h": "data.h"},
        fields="per_sensor",
        time="ts",
        time_format="ms",
        options={"rebirth": True},
        max_payload=1024**2,
        max_future=0.0,
    )
    assert first.routing() == Routing(
        ("/plant/#",),
        ("/plant/{site}/_/{sensor}", "/plant/{site}/{sensor}"),
        "{site}/{field}/{sensor}",
        ("field",),
    )
    assert (first.max_gap_seconds, first.idle_after_seconds) == (90.0, math.inf)
    assert (second.max_gap_seconds, second.idle_after_seconds) == (math.inf, 604_800.0)
    assert first.incidents.settings().regime_change_after == math.inf
    inf = math.inf
    assert first.rules(("t", "h")) == (
        Rule("*", VIEWS, (), (40.0, inf), (0.5, 0.5), 7200.0, 0.5, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
        Rule("north/*", ("limits", "silent"), low=(-5.0, -5.0)),
        Rule("south/*", exclude=True),
        Rule("east/*", side=(1.0, 0.0), least=(0.5, 0.5), share=(0.1, 0.0)),
    )
    assert config.mqtt.keepalive == 60.0
    assert config.status_topic == "a/sd/status"
    assert config.events.topic_for("a", "n/t/x") == "a/sd/a/n/t/x"
    assert config.event_source == "urn:x"
    assert Config.defaults().event_source == "/streamdetect/streamdetect"


@pytest.mark.parametrize(
    ("section", "settings", "elsewhere"),
    [
        (IncidentsConfig, IncidentSettings, {"regime_readings"}),
        (PayloadConfig, PayloadSettings, {"options", "partial", "max_payload", "max_future"}),
    ],
)
def test_options_are_the_settings_with_the_same_defaults(section, settings, elsewhere):
    expected = {field.name: field.default for field in dataclasses.fields(settings)}
    found = {k: v for k, v in section().model_dump().items() if k not in OWN}  # these are of single formats
    assert found == {k: v for k, v in expected.items() if k not in elsewhere}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0", 0.0),
        ("0.25", 0.25),
        ("500ms", 0.5),
        ("10s", 10.0),
        ("1.5 min", 90.0),
        ("2h", 7_200.0),
        ("7d", 604_800.0),
    ],
)
def test_durations(written, seconds):
    assert parse(f"detectors: [{{max_future: {written}}}]").detectors[0].max_future == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("1", 1), ("100B", 100), ("64KiB", 65_536), ("0.5 MiB", 524_288), ("16MiB", 16_777_216)],
)
def test_sizes(written, size):
    assert parse(f"mqtt: {{max_payload: {written}}}").mqtt.max_payload == size


def test_a_configuration_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Config.defaults().mqtt.port = 1


def test_daemons_that_share_a_prefix_may_each_have_a_status_topic():
    config = parse('{mqtt: {client_id: kitchen}, events: {status_topic: "{prefix}/status/{client_id}"}}')
    assert config.status_topic == "streamdetect/status/kitchen"
    assert config.events.status_filter == "streamdetect/status/+"
    (problem,) = problems('events: {status_topic: "{prefix}/{sensor}"}')
    assert problem.startswith("events.status_topic: must be levels of letters, digits")
    text = 'events: {status_topic: "a/{client_id}", topic: "{detector}/x/{sensor}"}'
    assert parse(text).status_topic == "a/streamdetect"
    assert problems(text.replace("/x/", "/"))[0].startswith(
        "events.topic: must not match the status topic a/+"
    )
