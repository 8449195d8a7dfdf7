"""Every answer fits the OpenAPI document, and is true of the daemon."""

from __future__ import annotations

import json
from importlib.metadata import distribution

import jsonschema
import pytest
from openapi_spec_validator import validate

from streamdetect.core.rules import VIEWS
from streamdetect.page.openapi import document
from streamdetect.page.schemas import SCHEMAS
from streamdetect.page.stream import MOST_CLIENTS
from streamdetect.sinks.events import ANSWERED, DRIFTED, cloud_event


def fits(answer, schema: str):
    """The answer as JSON, checked against a schema of the document."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    held = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": SCHEMAS}}
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
    jsonschema.Draft202012Validator(held, format_checker=checker).validate(answer.json)
    return answer.json


@pytest.fixture
def judged(one, until):
    """Two sensors; one has an incident."""
    one.publish("a", *(20 + at % 3 for at in range(40)))
    one.publish("b", *(20 + at % 3 for at in range(20)), *[100] * 5)
    until(lambda: one.get("incidents").json["total"], "an incident")
    until(lambda: one.daemon.page._activity.readings == 65, "all readings")
    one.daemon.page._sensors.look_anew()
    return one


def test_the_document_is_openapi():
    validate(document("/below/this"))


def test_the_document_is_served_and_names_every_path(one):
    served = one.get("openapi.json").json
    assert served == json.loads(json.dumps(document("")))
    paths = {f"/api/v1{path}" for path in served["paths"]}
    found = one.daemon.page._listener._config.app
    while not hasattr(found, "routes"):
        found = found._app
    routes = {route.path.replace(":path", "") for route in found.routes if route.path.startswith("/api")}
    assert paths == routes


def test_a_list_of_sensors_has_what_matters_first(judged):
    listed = fits(judged.get("sensors"), "Sensors")
    assert [one["sensor"] for one in listed["sensors"]] == ["sensors/b", "sensors/a"]
    assert listed["counts"] == {"anomalous": 1, "silent": 0, "warming_up": 1, "normal": 0, "muted": 0}
    first = listed["sensors"][0]
    assert first["state"] == "anomalous"
    assert first["view"] == "limits"
    assert "its limit of" in first["message"]
    assert first["sparkline"][-6:] == [21, 100, 100, 100, 100, 100]
    assert first["features"][0]["value"] == 100
    assert listed["sensors"][1]["warm_up"]["readings"] > 0


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"q": "S/A"}, ["sensors/a"]),
        ({"q": "nothing"}, []),
        ({"state": "anomalous"}, ["sensors/b"]),
        ({"state": "muted"}, []),
        ({"detector": "hall"}, ["sensors/b", "sensors/a"]),
        ({"detector": "other"}, []),
        ({"label": ["a:b"]}, []),
        ({"sort": "name"}, ["sensors/a", "sensors/b"]),
        ({"sort": "name", "order": "desc"}, ["sensors/b", "sensors/a"]),
        ({"sort": "score", "order": "desc"}, ["sensors/b", "sensors/a"]),
        ({"sort": "time"}, ["sensors/a", "sensors/b"]),
        ({"limit": 1}, ["sensors/b"]),
        ({"limit": 1, "offset": 1}, ["sensors/a"]),
        ({"offset": 2}, []),
    ],
)
def test_sensors_are_searched_sorted_and_cut(judged, options, found):
    listed = fits(judged.get("sensors", **options), "Sensors")
    assert [one["sensor"] for one in listed["sensors"]] == found


@pytest.mark.parametrize(
    ("path", "options", "detail"),
    [
        ("sensors", {"state": "odd"}, "state: must be one of anomalous, silent, warming_up, normal, muted"),
        ("sensors", {"limit": "501"}, "limit: must be a number from 0 to 500, got '501'"),
        ("sensors", {"limit": "-1"}, "limit: must be a number from 0 to 500, got '-1'"),
        ("sensors", {"limit": "٣"}, "limit: must be a number"),
        ("sensors", {"offset": "9" * 400}, "offset: must be a number"),
        ("sensors", {"label": "a"}, "label: must be name:value, got 'a'"),
        ("sensors", {"q": "x" * 257}, "q: must have at most 256 characters, got 257"),
        ("sensors", {"odd": "1"}, "odd: unknown, known are detector, label"),
        ("incidents", {"since": "yesterday"}, "since: must be a time like 2026-01-31T12:00:00Z"),
        ("series", {"detector": "hall", "sensor": "x", "points": "9"}, "points: must be a number from 10"),
        ("health", {"x": "1"}, "x: unknown, known are none"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(one, path, options, detail):
    answer = one.get(path, **options)
    assert answer.status == 400
    assert fits(answer, "Problem")["detail"].startswith(detail)


def test_one_sensor_by_query_and_by_path(judged):
    found = fits(judged.get("sensor", detector="hall", sensor="sensors/b"), "SensorInFull")
    assert found == judged.get("sensors/hall/sensors/b").json == judged.get("sensors/hall/sensors%2Fb").json
    scores = {view["name"]: view["score"] for view in found["views"]}
    assert set(scores) == set(VIEWS)
    assert scores["limits"] > 1
    assert found["settings"]["limits"] == [{"name": "value", "low": None, "high": 30}]


@pytest.mark.parametrize(
    "path", ["sensor?detector=hall&sensor=no", "sensors/hall/no", "sensors/no/a", "incidents/no"]
)
def test_what_is_not_there_is_a_problem(one, path):
    answer = one.get(path)
    assert answer.status == 404
    assert "there is no" in fits(answer, "Problem")["detail"]


def test_incidents_and_what_happened_to_one(judged):
    (found,) = fits(judged.get("incidents"), "Incidents")["incidents"]
    assert found["sensor"] == "sensors/b"
    assert found["open"] is True
    assert found["kind"] == "limit"
    assert found["id"] == judged.get("sensors").json["sensors"][0]["incident"]
    whole = fits(judged.get(f"incidents/{found['id']}"), "IncidentInFull")
    assert whole["edges"][0]["edge"] == "opened"
    assert whole["group"] == []
    assert whole["readings"]["features"][0]["values"][-1] == 100
    (group,) = fits(judged.get("groups"), "Groups")["groups"]
    assert group["incidents"] == [found]


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({"state": "open"}, 1),
        ({"state": "closed"}, 0),
        ({"q": "SENSORS/B"}, 1),
        ({"q": "nothing"}, 0),
        ({"sensor": "sensors/b", "detector": "hall"}, 1),
        ({"sensor": "sensors/a"}, 0),
        ({"label": "none"}, 1),
        ({"label": "false"}, 0),
        ({"since": "2023-01-01T00:00:00Z", "until": "2030-01-01"}, 1),
        ({"until": "2023-01-01T00:00:00+01:00"}, 0),
    ],
)
def test_incidents_are_chosen(judged, options, total):
    assert fits(judged.get("incidents", **options), "Incidents")["total"] == total
    assert fits(judged.get("groups", **options), "Groups")["total"] == total


def test_the_past_of_a_sensor(judged, until):
    asked = {"detector": "hall", "sensor": "sensors/b"}
    until(lambda: sum(judged.get("series", **asked).json["readings"]) == 25, "all readings")
    found = fits(judged.get("series", **asked), "Series")
    (feature,) = found["features"]
    assert found["step"] == 10
    assert len(found["times"]) == len(feature["mean"]) == len(found["scores"]["limits"])
    assert max(feature["max"]) == 100
    assert min(feature["min"]) == 20
    assert max(score for score in found["scores"]["limits"] if score is not None) > 1
    assert found["gone_before"] is None
    assert [one["sensor"] for one in found["incidents"]] == ["sensors/b"]
    early = judged.get("series", **asked, to="2023-11-14T22:13:50Z").json
    assert early["readings"] == []


def test_health_shows_what_was_turned_away_and_why(judged, until):
    judged.put("sensors/a", b'{"valeu": 1, "time": 1}')
    judged.put("sensors/a", b"\xff<script>")
    until(lambda: len(judged.get("health").json["rejected"]) == 2, "two rejections")
    until(lambda: judged.get("health").json["throughput"]["messages"] == 67, "all messages counted")
    found = fits(judged.get("health"), "Health")
    field, decode = sorted(found["rejected"], key=lambda one: one["reason"] == "decode")
    assert (field["path"], field["topic"], field["payload"]) == (
        "value",
        "sensors/a",
        '{"valeu": 1, "time": 1}',
    )
    assert "valeu" in field["detail"]
    assert decode["reason"] == "decode"
    assert decode["payload"] == "\N{REPLACEMENT CHARACTER}<script>"
    assert found["ready"] is False
    assert "not connected to the broker" in found["reason"]
    assert found["topics_heard"] == 2
    assert found["topics"][0]["sensors"] == [{"detector": "hall", "sensor": "sensors/a"}]
    assert found["history"]["on_disk"] is True


def test_about_names_what_it_is_made_of(judged):
    found = fits(judged.get("about"), "About")
    assert found["detectors"][0]["bundle"]["name"] == "general"
    versions = {one["name"]: one["version"] for one in found["licences"]}
    assert versions["starlette"] == distribution("starlette").version
    assert {one["name"]: one["licence"] for one in found["licences"]}["youplot"] == "MIT"


def test_what_happens_is_told_as_it_happens(one, until):
    connection = one.connection()
    connection.request("GET", "/api/v1/events?detector=hall&sensor=sensors/b")
    stream = connection.getresponse()
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    one.publish("b", *[20] * 20, *[100] * 5)
    told: dict[str, dict] = {}
    while set(told) != {"tick", "reading", "incident"}:
        line = stream.readline()
        if line.startswith(b"data: "):
            facts = json.loads(line[6:])
            told[facts["type"]] = facts
    held = {"$ref": "#/components/schemas/Happening", "components": {"schemas": SCHEMAS}}
    for facts in told.values():
        jsonschema.Draft202012Validator(held).validate(facts)
    assert told["incident"]["edge"] == "opened"
    assert told["incident"]["incident"]["sensor"] == "sensors/b"
    assert told["reading"]["sensor"] == "sensors/b"
    connection.close()
    until(lambda: not one.daemon.page._stream._clients, "the client is gone")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (DRIFTED, {"detector": "hall", "sensor": "a", "started": "2026-01-01T00:00:00Z", "ratio": 2.0}),
        (ANSWERED, {"do": "true", "by": "", "request": "", "error": "", "incident": "0" * 32}),
    ],
)
def test_what_is_no_incident_is_told_without_one(one, until, kind, data):
    connection = one.connection()
    connection.request("GET", "/api/v1/events")
    stream = connection.getresponse()
    one.daemon.page.tell([cloud_event("id", "/x", kind, "a", 0.0, data)])
    line = until(
        lambda: next((line for line in iter(stream.readline, b"") if b"incident" in line), b""), "an event"
    )
    told = {"type": "incident", "edge": kind.rpartition(".")[2], "incident": None}
    assert json.loads(line.removeprefix(b"data: ")) == told
    connection.close()


def test_clients_that_are_told_have_a_bound(one, until):
    connections = [one.connection() for _ in range(MOST_CLIENTS)]
    for connection in connections:
        connection.request("GET", "/api/v1/events")
    until(lambda: len(one.daemon.page._stream._clients) == MOST_CLIENTS, "all are told")
    answer = one.get("events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert one.get("health").status == 200
    for connection in connections:
        connection.close()
    until(lambda: not one.daemon.page._stream._clients, "places are given back")


def test_without_a_state_directory_all_is_kept_in_memory(running, until):
    with running(state=None) as one:
        one.publish("b", *[20] * 20, *[100] * 5)
        until(lambda: one.get("incidents").json["total"] == 1, "an incident")
        asked = {"detector": "hall", "sensor": "sensors/b"}
        until(lambda: sum(one.get("series", **asked).json["readings"]) == 25, "all readings")
        assert one.get("health").json["history"]["on_disk"] is False


def test_the_past_survives_a_restart(running, until):
    asked = {"detector": "hall", "sensor": "sensors/b"}
    with running() as one:
        one.publish("b", *[20] * 15)
        until(lambda: one.get("sensors").json["total"] == 1, "a sensor")
    with running() as one:
        one.sent = 15
        one.publish("b", *[22] * 10)
        until(lambda: sum(one.get("series", **asked).json["readings"]) == 25, "all readings")
        (feature,) = one.get("series", **asked).json["features"]
        assert feature["mean"] == [20, 21, 22]
        assert feature["min"] == [20, 20, 22]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/sensors", 405),
        ("DELETE", "/api/v1/sensors", 405),
        ("PUT", "/api/v1/session", 405),
        ("GET", "/api/v1/mute", 405),
        ("GET", "/api/v1/odd", 404),
        ("GET", "/odd", 404),
        ("HEAD", "/api/v1/sensors", 200),
        ("OPTIONS", "/api/v1/mute", 405),
    ],
)
def test_other_methods_and_paths(one, method, path, status):
    assert one.ask(method, path).status == status
