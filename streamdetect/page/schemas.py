"""The JSON Schemas of the API's answers, for its OpenAPI document; tests check every answer against them."""

from __future__ import annotations

from typing import Any

from streamdetect.core.rules import VIEWS
from streamdetect.page.sensors import STATES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
_LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def or_null(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def object_of(**properties: Schema) -> Schema:
    """An object that has all of these properties, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def some_of(*required: str, **properties: Schema) -> Schema:
    """An object that may lack some of its properties."""
    return {**object_of(**properties), "required": list(required)}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def named(name: str) -> Schema:
    """The schema of this name in SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


_BY_FEATURE: Schema = {
    "description": "A number; if there are several features, a number for each by name.",
    "anyOf": [NUMBER, {"type": "object", "additionalProperties": or_null(NUMBER)}, {"type": "null"}],
}
_SCORES: Schema = {"type": "object", "additionalProperties": or_null(NUMBER)}
_BAND = {name: or_null(NUMBER) for name in ("value", "expected", "lower", "upper")}
_FEATURE = object_of(name=TEXT, unit=TEXT, **_BAND)
_NAMED_LIMITS = object_of(name=TEXT, low=or_null(NUMBER), high=or_null(NUMBER))
_SENSOR: dict[str, Schema] = {
    "detector": TEXT,
    "sensor": TEXT,
    "state": one_of(*STATES),
    "time": or_null(TIME),
    "score": or_null({**NUMBER, "description": "The largest of all views; above 1 is anomalous."}),
    "view": or_null(one_of(*VIEWS)),
    "features": list_of(named("Feature")),
    "warm_up": or_null(object_of(readings=COUNT, seconds=or_null(NUMBER))),
    "incident": or_null(TEXT),
    "message": or_null(TEXT),
    "muted": _FLAG,
    "muted_by": or_null(TEXT),
    "mute": or_null({**TEXT, "description": "The glob that unmute takes."}),
    "muted_until": or_null(TIME),
    "sensitivity": NUMBER,
    "labels": _LABELS,
    "sparkline": list_of(or_null(NUMBER)),
}
_VIEW = object_of(name=one_of(*VIEWS), score=or_null(NUMBER), limit=NUMBER, judges=_FLAG, on=_FLAG)
_ANSWER: Schema = {
    "type": "object",
    "properties": {"time": TIME, "do": TEXT, "by": TEXT, "error": TEXT},
    "required": ["time", "do", "by"],
}
_INCIDENT: dict[str, Schema] = {
    "id": TEXT,
    "detector": TEXT,
    "sensor": TEXT,
    "open": _FLAG,
    "started": TIME,
    "ended": or_null(TIME),
    "newest": TIME,
    "duration_seconds": NUMBER,
    "severity": one_of("warning", "critical"),
    "message": TEXT,
    "reason": TEXT,
    "label": one_of("", "true", "false"),
    "muted": or_null(TEXT),
    "kind": or_null(TEXT),
    "direction": or_null(TEXT),
    "feature": or_null(TEXT),
    "score": or_null(NUMBER),
    "value": _BY_FEATURE,
    "unit": or_null({"anyOf": [TEXT, _LABELS]}),
    "expected": _BY_FEATURE,
    "lower": _BY_FEATURE,
    "upper": _BY_FEATURE,
    "views": or_null(_SCORES),
    "peak": or_null(object_of(value=_BY_FEATURE, error=or_null(NUMBER), score=or_null(NUMBER), time=TIME)),
    "labels": or_null(_LABELS),
    "feature_errors": or_null(_SCORES),
    "windows": or_null(COUNT),
}
_COLUMNS = {name: list_of(or_null(NUMBER)) for name in ("mean", "min", "max", "expected", "lower", "upper")}
_READINGS: Schema = {
    **object_of(
        times=list_of(TIME),
        features=list_of(
            object_of(name=TEXT, **{name: list_of(or_null(NUMBER)) for name in ("values", "lower", "upper")})
        ),
        scores=list_of(or_null(NUMBER)),
        complete={**_FLAG, "description": "Nothing will be added."},
    ),
    "description": "Some readings before the incident, while it lasted and after; null: none are kept.",
}
SCHEMAS: dict[str, Schema] = {
    "Problem": object_of(type=TEXT, title=TEXT, status=COUNT, detail=TEXT),
    "Session": object_of(
        login={**_FLAG, "description": "Somebody has logged in."},
        user=or_null(TEXT),
        may_write=_FLAG,
        ways=list_of(one_of("password", "token")),
        csrf=or_null({**TEXT, "description": "The X-CSRF-Token of requests that change something."}),
        version=TEXT,
        prefix=TEXT,
    ),
    "Feature": _FEATURE,
    "Sensor": object_of(**_SENSOR),
    "Sensors": object_of(
        total=COUNT,
        counts=object_of(**dict.fromkeys((*STATES, "muted"), COUNT)),
        detectors=list_of(TEXT),
        sensors=list_of(named("Sensor")),
    ),
    "SensorInFull": object_of(
        **_SENSOR,
        views=list_of(_VIEW),
        settings=object_of(
            threshold=or_null(NUMBER),
            error=or_null(NUMBER),
            limits=list_of(_NAMED_LIMITS),
            interval_seconds=or_null(NUMBER),
            time_steps=COUNT,
            bundle=TEXT,
        ),
        answers=list_of(named("Answer")),
    ),
    "Answer": _ANSWER,
    "Incident": object_of(**_INCIDENT),
    "Incidents": object_of(total=COUNT, incidents=list_of(named("Incident"))),
    "IncidentInFull": object_of(
        **_INCIDENT,
        edges=list_of(object_of(time=TIME, edge=TEXT, message=TEXT)),
        readings=or_null(_READINGS),
        group=list_of(named("Incident")),
        answers=list_of(named("Answer")),
    ),
    "Groups": object_of(
        total=COUNT,
        groups=list_of(
            object_of(
                state=one_of("open", "closed"),
                started=TIME,
                ended=or_null(TIME),
                severity=one_of("warning", "critical"),
                incidents=list_of(named("Incident")),
            )
        ),
    ),
    "Series": object_of(
        step={**COUNT, "description": "Seconds of a point."},
        **{"from": TIME, "to": TIME},
        times=list_of(TIME),
        features=list_of(object_of(name=TEXT, unit=TEXT, **_COLUMNS)),
        scores=object_of(**dict.fromkeys(VIEWS, list_of(or_null(NUMBER)))),
        readings=list_of(NUMBER),
        gone_before=or_null({**TIME, "description": "Older points were removed to make room."}),
        incidents=list_of(named("Incident")),
    ),
    "Health": object_of(
        ready=_FLAG,
        reason=or_null(TEXT),
        version=TEXT,
        uptime_seconds=NUMBER,
        connection=object_of(
            connected=_FLAG,
            subscribed=_FLAG,
            host=TEXT,
            port=COUNT,
            address=TEXT,
            client_id=TEXT,
            problem=or_null(TEXT),
        ),
        throughput=object_of(
            messages=COUNT,
            readings=COUNT,
            messages_per_second=NUMBER,
            readings_per_second=NUMBER,
            queue=COUNT,
            latency_seconds=or_null(NUMBER),
        ),
        rejected=list_of(
            object_of(
                detector=or_null(TEXT),
                reason=TEXT,
                ignored=_FLAG,
                count=COUNT,
                last=TIME,
                topic=TEXT,
                payload=TEXT,
                path=or_null(TEXT),
                detail=TEXT,
            )
        ),
        topics=list_of(
            object_of(
                topic=TEXT,
                sensors=list_of(object_of(detector=TEXT, sensor=or_null(TEXT))),
                problem=or_null(TEXT),
            )
        ),
        topics_heard=COUNT,
        sinks=list_of(
            object_of(name=TEXT, pending=COUNT, delivered=COUNT, failed=COUNT, problem=or_null(TEXT))
        ),
        history=object_of(
            bytes=COUNT,
            budget_bytes=COUNT,
            on_disk=_FLAG,
            lost_readings=COUNT,
            problem=or_null(TEXT),
            steps=list_of(object_of(seconds=COUNT, oldest=or_null(TIME))),
        ),
    ),
    "About": object_of(
        version=TEXT,
        python=TEXT,
        started=TIME,
        detectors=list_of(
            object_of(
                name=TEXT,
                sensors=COUNT,
                topics=list_of(TEXT),
                bundle=object_of(
                    name=TEXT,
                    fingerprint=TEXT,
                    architecture=TEXT,
                    time_steps=COUNT,
                    features=list_of(TEXT),
                ),
                settings={"type": "object"},
            )
        ),
        licences=list_of(object_of(name=TEXT, version=TEXT, licence=TEXT)),
    ),
    "Effect": {
        "type": "object",
        "description": "The outcome: do, by, and what it was about.",
        "properties": {"do": TEXT, "by": TEXT},
        "required": ["do", "by"],
    },
    "Happening": {
        "description": "One message of the stream.",
        "oneOf": [
            object_of(
                type=one_of("tick"),
                time=TIME,
                counts=object_of(**dict.fromkeys((*STATES, "muted"), COUNT)),
            ),
            object_of(type=one_of("incident"), edge=TEXT, incident=or_null(named("Incident"))),
            object_of(
                type=one_of("reading"),
                detector=TEXT,
                sensor=TEXT,
                time=or_null(TIME),
                state=one_of(*STATES),
                score=or_null(NUMBER),
                features=list_of(named("Feature")),
                scores=_SCORES,
            ),
        ],
    },
}
