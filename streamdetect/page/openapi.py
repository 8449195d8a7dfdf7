"""The API as an OpenAPI 3.1 document; tests check every answer against it."""

from __future__ import annotations

from typing import Any

from streamdetect import __version__
from streamdetect.core.rules import VIEWS
from streamdetect.page.sensors import SORTS, STATES

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_LABELS: Schema = {"type": "object", "additionalProperties": _TEXT}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(**properties: Schema) -> Schema:
    """An object that has all of these properties, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _some_of(*required: str, **properties: Schema) -> Schema:
    """An object that may lack some of its properties."""
    return {**_object(**properties), "required": list(required)}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_BY_FEATURE: Schema = {
    "description": "A number; if there are several features, a number for each by name.",
    "anyOf": [_NUMBER, {"type": "object", "additionalProperties": _or_null(_NUMBER)}, {"type": "null"}],
}
_SCORES: Schema = {"type": "object", "additionalProperties": _or_null(_NUMBER)}
_BAND = {name: _or_null(_NUMBER) for name in ("value", "expected", "lower", "upper")}
_FEATURE = _object(name=_TEXT, unit=_TEXT, **_BAND)
_NAMED_LIMITS = _object(name=_TEXT, low=_or_null(_NUMBER), high=_or_null(_NUMBER))
_SENSOR: dict[str, Schema] = {
    "detector": _TEXT,
    "sensor": _TEXT,
    "state": _one_of(*STATES),
    "time": _or_null(_TIME),
    "score": _or_null({**_NUMBER, "description": "The largest of all views; above 1 is anomalous."}),
    "view": _or_null(_one_of(*VIEWS)),
    "features": _list(_of("Feature")),
    "warm_up": _or_null(_object(readings=_COUNT, seconds=_or_null(_NUMBER))),
    "incident": _or_null(_TEXT),
    "message": _or_null(_TEXT),
    "muted": _FLAG,
    "muted_by": _or_null(_TEXT),
    "mute": _or_null({**_TEXT, "description": "The glob that unmute takes."}),
    "muted_until": _or_null(_TIME),
    "sensitivity": _NUMBER,
    "labels": _LABELS,
    "sparkline": _list(_or_null(_NUMBER)),
}
_VIEW = _object(name=_one_of(*VIEWS), score=_or_null(_NUMBER), limit=_NUMBER, judges=_FLAG, on=_FLAG)
_ANSWER: Schema = {
    "type": "object",
    "properties": {"time": _TIME, "do": _TEXT, "by": _TEXT, "error": _TEXT},
    "required": ["time", "do", "by"],
}
_INCIDENT: dict[str, Schema] = {
    "id": _TEXT,
    "detector": _TEXT,
    "sensor": _TEXT,
    "open": _FLAG,
    "started": _TIME,
    "ended": _or_null(_TIME),
    "newest": _TIME,
    "duration_seconds": _NUMBER,
    "severity": _one_of("warning", "critical"),
    "message": _TEXT,
    "reason": _TEXT,
    "label": _one_of("", "true", "false"),
    "muted": _or_null(_TEXT),
    "kind": _or_null(_TEXT),
    "direction": _or_null(_TEXT),
    "feature": _or_null(_TEXT),
    "score": _or_null(_NUMBER),
    "value": _BY_FEATURE,
    "unit": _or_null({"anyOf": [_TEXT, _LABELS]}),
    "expected": _BY_FEATURE,
    "lower": _BY_FEATURE,
    "upper": _BY_FEATURE,
    "views": _or_null(_SCORES),
    "peak": _or_null(
        _object(value=_BY_FEATURE, error=_or_null(_NUMBER), score=_or_null(_NUMBER), time=_TIME)
    ),
    "labels": _or_null(_LABELS),
    "feature_errors": _or_null(_SCORES),
    "windows": _or_null(_COUNT),
}
_COLUMNS = {name: _list(_or_null(_NUMBER)) for name in ("mean", "min", "max", "expected", "lower", "upper")}
_READINGS: Schema = {
    **_object(
        times=_list(_TIME),
        features=_list(
            _object(name=_TEXT, **{name: _list(_or_null(_NUMBER)) for name in ("values", "lower", "upper")})
        ),
        scores=_list(_or_null(_NUMBER)),
        complete={**_FLAG, "description": "Nothing will be added."},
    ),
    "description": "Some readings before the incident, while it lasted and after; null: none are kept.",
}
SCHEMAS: dict[str, Schema] = {
    "Problem": _object(type=_TEXT, title=_TEXT, status=_COUNT, detail=_TEXT),
    "Session": _object(
        login={**_FLAG, "description": "Somebody has logged in."},
        user=_or_null(_TEXT),
        may_write=_FLAG,
        ways=_list(_one_of("password", "token")),
        csrf=_or_null({**_TEXT, "description": "The X-CSRF-Token of requests that change something."}),
        version=_TEXT,
        prefix=_TEXT,
    ),
    "Feature": _FEATURE,
    "Sensor": _object(**_SENSOR),
    "Sensors": _object(
        total=_COUNT,
        counts=_object(**dict.fromkeys((*STATES, "muted"), _COUNT)),
        detectors=_list(_TEXT),
        sensors=_list(_of("Sensor")),
    ),
    "SensorInFull": _object(
        **_SENSOR,
        views=_list(_VIEW),
        settings=_object(
            threshold=_or_null(_NUMBER),
            error=_or_null(_NUMBER),
            limits=_list(_NAMED_LIMITS),
            interval_seconds=_or_null(_NUMBER),
            time_steps=_COUNT,
            bundle=_TEXT,
        ),
        answers=_list(_of("Answer")),
    ),
    "Answer": _ANSWER,
    "Incident": _object(**_INCIDENT),
    "Incidents": _object(total=_COUNT, incidents=_list(_of("Incident"))),
    "IncidentInFull": _object(
        **_INCIDENT,
        edges=_list(_object(time=_TIME, edge=_TEXT, message=_TEXT)),
        readings=_or_null(_READINGS),
        group=_list(_of("Incident")),
        answers=_list(_of("Answer")),
    ),
    "Groups": _object(
        total=_COUNT,
        groups=_list(
            _object(
                state=_one_of("open", "closed"),
                started=_TIME,
                ended=_or_null(_TIME),
                severity=_one_of("warning", "critical"),
                incidents=_list(_of("Incident")),
            )
        ),
    ),
    "Series": _object(
        step={**_COUNT, "description": "Seconds of a point."},
        **{"from": _TIME, "to": _TIME},
        times=_list(_TIME),
        features=_list(_object(name=_TEXT, unit=_TEXT, **_COLUMNS)),
        scores=_object(**dict.fromkeys(VIEWS, _list(_or_null(_NUMBER)))),
        readings=_list(_NUMBER),
        gone_before=_or_null({**_TIME, "description": "Older points were removed to make room."}),
        incidents=_list(_of("Incident")),
    ),
    "Health": _object(
        ready=_FLAG,
        reason=_or_null(_TEXT),
        version=_TEXT,
        uptime_seconds=_NUMBER,
        connection=_object(
            connected=_FLAG,
            subscribed=_FLAG,
            host=_TEXT,
            port=_COUNT,
            address=_TEXT,
            client_id=_TEXT,
            problem=_or_null(_TEXT),
        ),
        throughput=_object(
            messages=_COUNT,
            readings=_COUNT,
            messages_per_second=_NUMBER,
            readings_per_second=_NUMBER,
            queue=_COUNT,
            latency_seconds=_or_null(_NUMBER),
        ),
        rejected=_list(
            _object(
                detector=_or_null(_TEXT),
                reason=_TEXT,
                ignored=_FLAG,
                count=_COUNT,
                last=_TIME,
                topic=_TEXT,
                payload=_TEXT,
                path=_or_null(_TEXT),
                detail=_TEXT,
            )
        ),
        topics=_list(
            _object(
                topic=_TEXT,
                sensors=_list(_object(detector=_TEXT, sensor=_or_null(_TEXT))),
                problem=_or_null(_TEXT),
            )
        ),
        topics_heard=_COUNT,
        sinks=_list(
            _object(name=_TEXT, pending=_COUNT, delivered=_COUNT, failed=_COUNT, problem=_or_null(_TEXT))
        ),
        history=_object(
            bytes=_COUNT,
            budget_bytes=_COUNT,
            on_disk=_FLAG,
            lost_readings=_COUNT,
            problem=_or_null(_TEXT),
            steps=_list(_object(seconds=_COUNT, oldest=_or_null(_TIME))),
        ),
    ),
    "About": _object(
        version=_TEXT,
        python=_TEXT,
        started=_TIME,
        detectors=_list(
            _object(
                name=_TEXT,
                sensors=_COUNT,
                topics=_list(_TEXT),
                bundle=_object(
                    name=_TEXT,
                    fingerprint=_TEXT,
                    architecture=_TEXT,
                    time_steps=_COUNT,
                    features=_list(_TEXT),
                ),
                settings={"type": "object"},
            )
        ),
        licences=_list(_object(name=_TEXT, version=_TEXT, licence=_TEXT)),
    ),
    "Effect": {
        "type": "object",
        "description": "The outcome: do, by, and what it was about.",
        "properties": {"do": _TEXT, "by": _TEXT},
        "required": ["do", "by"],
    },
    "Happening": {
        "description": "One message of the stream.",
        "oneOf": [
            _object(
                type=_one_of("tick"),
                time=_TIME,
                counts=_object(**dict.fromkeys((*STATES, "muted"), _COUNT)),
            ),
            _object(type=_one_of("incident"), edge=_TEXT, incident=_or_null(_of("Incident"))),
            _object(
                type=_one_of("reading"),
                detector=_TEXT,
                sensor=_TEXT,
                time=_or_null(_TIME),
                state=_one_of(*STATES),
                score=_or_null(_NUMBER),
                features=_list(_of("Feature")),
                scores=_SCORES,
            ),
        ],
    },
}


def document(prefix: str) -> Schema:
    """The whole document, for a page under this prefix."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "streamdetect",
            "version": __version__,
            "description": "What the live page reads and changes. Errors are RFC 9457 problems.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": f"{prefix}/api/v1"}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "streamdetect"},
            },
        },
        "security": [{}, {"password": []}, {"token": []}, {"cookie": []}],
    }


_WHOSE = ("detector", _TEXT), ("sensor", _TEXT)
_WINDOW = ("limit", {**_COUNT, "maximum": 500, "default": 50}), ("offset", {**_COUNT, "default": 0})
_SENSOR_OPTIONS = (
    ("state", _one_of(*STATES, "muted")),
    ("detector", _TEXT),
    ("q", {**_TEXT, "description": "Part of the sensor's id, in upper or lower case."}),
    ("label", {**_list(_TEXT), "description": "name:value; can be given several times."}),
    ("sort", {**_one_of(*SORTS), "default": "state"}),
    ("order", {**_one_of("asc", "desc"), "default": "asc"}),
    *_WINDOW,
)
_INCIDENT_OPTIONS = (
    ("state", _one_of("open", "closed")),
    *_WHOSE,
    ("q", {**_TEXT, "description": "Part of the sensor's id or of the message."}),
    ("since", {**_TIME, "description": "Incidents that were open at this time or later."}),
    ("until", {**_TIME, "description": "Incidents that began at this time or earlier."}),
    ("label", _one_of("true", "false", "none")),
    *_WINDOW,
)
_SERIES_OPTIONS = (
    *_WHOSE,
    ("from", {**_TIME, "description": "By default a day before `to`."}),
    ("to", {**_TIME, "description": "By default the sensor's newest reading."}),
    ("points", {"type": "integer", "minimum": 10, "maximum": 5000, "default": 500}),
)
_WHICH = {"sensor": _TEXT, "glob": {**_TEXT, "description": "Instead of sensor: a pattern with * and ?."}}


def _paths() -> dict[str, Any]:
    return {
        "/session": {
            "get": _reads("Who the visitor is, and whether they may change something", "Session"),
            "post": _takes(
                "Log in, with a token or a name and password; sets a cookie",
                _some_of(token=_TEXT, name=_TEXT, password=_TEXT),
                "Session",
                csrf=False,
            ),
            "delete": _reads("Log out", "Session"),
        },
        "/sensors": {"get": _reads("Sensors, the most urgent first", "Sensors", *_SENSOR_OPTIONS)},
        "/sensor": {"get": _reads("One sensor", "SensorInFull", *_WHOSE, required=("detector", "sensor"))},
        "/sensors/{detector}/{sensor}": {
            "parameters": [_in_path("detector"), _in_path("sensor")],
            "get": _reads("One sensor", "SensorInFull"),
        },
        "/series": {
            "get": _reads(
                "The past of one sensor", "Series", *_SERIES_OPTIONS, required=("detector", "sensor")
            )
        },
        "/incidents": {"get": _reads("Incidents, open ones first", "Incidents", *_INCIDENT_OPTIONS)},
        "/incidents/{incident}": {
            "parameters": [_in_path("incident")],
            "get": _reads("One incident", "IncidentInFull"),
        },
        "/incidents/{incident}/feedback": {
            "parameters": [_in_path("incident")],
            "post": _takes(
                "Say whether an incident was real", _object(answer=_one_of("true", "false")), "Effect"
            ),
        },
        "/groups": {"get": _reads("Groups of incidents that overlap", "Groups", *_INCIDENT_OPTIONS)},
        "/health": {"get": _reads("The health of the daemon", "Health")},
        "/about": {"get": _reads("Version, detectors and licences", "About")},
        "/events": {"get": _stream()},
        "/openapi.json": {"get": _reads("This document", None)},
        "/mute": {
            "post": _takes(
                "Mute a sensor",
                _some_of(
                    detector=_TEXT,
                    **_WHICH,
                    seconds=_or_null({**_NUMBER, "exclusiveMinimum": 0}),
                ),
                "Effect",
            )
        },
        "/unmute": {
            "post": _takes(
                "Unmute a sensor",
                _some_of(detector=_TEXT, **_WHICH),
                "Effect",
            )
        },
        "/sensitivity": {
            "post": _takes(
                "Make a sensor more or less sensitive",
                _some_of(
                    "sensitivity",
                    detector=_TEXT,
                    **_WHICH,
                    sensitivity={**_NUMBER, "exclusiveMinimum": 0, "maximum": 100},
                ),
                "Effect",
            )
        },
    }


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _errors() -> Schema:
    content = {"application/problem+json": {"schema": _of("Problem")}}
    return {"default": {"description": "The request is refused or failed.", "content": content}}


def _reads(
    summary: str, schema: str | None, *options: tuple[str, Schema], required: tuple[str, ...] = ()
) -> Schema:
    content = _json(_of(schema) if schema else {"type": "object"})
    parameters = [
        {"name": name, "in": "query", "required": name in required, "schema": its} for name, its in options
    ]
    found: Schema = {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_errors()},
    }
    return {**found, "parameters": parameters} if parameters else found


def _takes(summary: str, body: Schema, schema: str, *, csrf: bool = True) -> Schema:
    found = _reads(summary, schema)
    header = {"name": "X-CSRF-Token", "in": "header", "required": True, "schema": _TEXT}
    more = {"parameters": [header]} if csrf else {}
    return {**found, **more, "requestBody": {"required": True, "content": _json(body)}}


def _stream() -> Schema:
    found = _reads("Events as they come; with a sensor, its readings too", None, *_WHOSE)
    content = {"text/event-stream": {"schema": _TEXT}}
    described = "Server-sent events; each `data` is a Happening."
    return {**found, "responses": {"200": {"description": described, "content": content}, **_errors()}}
