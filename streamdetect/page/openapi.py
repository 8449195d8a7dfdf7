"""The API as an OpenAPI 3.1 document: its paths, their options and the schemas of their answers."""

from __future__ import annotations

from typing import Any

from streamdetect import __version__
from streamdetect.page.schemas import (
    COUNT,
    NUMBER,
    SCHEMAS,
    TEXT,
    TIME,
    Schema,
    list_of,
    named,
    object_of,
    one_of,
    or_null,
    some_of,
)
from streamdetect.page.sensors import SORTS, STATES


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


_WHOSE = ("detector", TEXT), ("sensor", TEXT)
_WINDOW = ("limit", {**COUNT, "maximum": 500, "default": 50}), ("offset", {**COUNT, "default": 0})
_SENSOR_OPTIONS = (
    ("state", one_of(*STATES, "muted")),
    ("detector", TEXT),
    ("q", {**TEXT, "description": "Part of the sensor's id, in upper or lower case."}),
    ("label", {**list_of(TEXT), "description": "name:value; can be given several times."}),
    ("sort", {**one_of(*SORTS), "default": "state"}),
    ("order", {**one_of("asc", "desc"), "default": "asc"}),
    *_WINDOW,
)
_INCIDENT_OPTIONS = (
    ("state", one_of("open", "closed")),
    *_WHOSE,
    ("q", {**TEXT, "description": "Part of the sensor's id or of the message."}),
    ("since", {**TIME, "description": "Incidents that were open at this time or later."}),
    ("until", {**TIME, "description": "Incidents that began at this time or earlier."}),
    ("label", one_of("true", "false", "none")),
    *_WINDOW,
)
_SERIES_OPTIONS = (
    *_WHOSE,
    ("from", {**TIME, "description": "By default a day before `to`."}),
    ("to", {**TIME, "description": "By default the sensor's newest reading."}),
    ("points", {"type": "integer", "minimum": 10, "maximum": 5000, "default": 500}),
)
_WHICH = {"sensor": TEXT, "glob": {**TEXT, "description": "Instead of sensor: a pattern with * and ?."}}


def _paths() -> dict[str, Any]:
    return {
        "/session": {
            "get": _reads("Who the visitor is, and whether they may change something", "Session"),
            "post": _takes(
                "Log in, with a token or a name and password; sets a cookie",
                some_of(token=TEXT, name=TEXT, password=TEXT),
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
                "Say whether an incident was real", object_of(answer=one_of("true", "false")), "Effect"
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
                some_of(
                    detector=TEXT,
                    **_WHICH,
                    seconds=or_null({**NUMBER, "exclusiveMinimum": 0}),
                ),
                "Effect",
            )
        },
        "/unmute": {
            "post": _takes(
                "Unmute a sensor",
                some_of(detector=TEXT, **_WHICH),
                "Effect",
            )
        },
        "/sensitivity": {
            "post": _takes(
                "Make a sensor more or less sensitive",
                some_of(
                    "sensitivity",
                    detector=TEXT,
                    **_WHICH,
                    sensitivity={**NUMBER, "exclusiveMinimum": 0, "maximum": 100},
                ),
                "Effect",
            )
        },
    }


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _errors() -> Schema:
    content = {"application/problem+json": {"schema": named("Problem")}}
    return {"default": {"description": "The request is refused or failed.", "content": content}}


def _reads(
    summary: str, schema: str | None, *options: tuple[str, Schema], required: tuple[str, ...] = ()
) -> Schema:
    content = _json(named(schema) if schema else {"type": "object"})
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
    header = {"name": "X-CSRF-Token", "in": "header", "required": True, "schema": TEXT}
    more = {"parameters": [header]} if csrf else {}
    return {**found, **more, "requestBody": {"required": True, "content": _json(body)}}


def _stream() -> Schema:
    found = _reads("Events as they come; with a sensor, its readings too", None, *_WHOSE)
    content = {"text/event-stream": {"schema": TEXT}}
    described = "Server-sent events; each `data` is a Happening."
    return {**found, "responses": {"200": {"description": described, "content": content}, **_errors()}}
