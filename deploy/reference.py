#!/usr/bin/env python3
"""Write REFERENCE.md beside this file: every option, metric, event and command, from the code.

One test compares the file with this text; another compares the metrics with those of a running daemon.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from streamdetect import config
from streamdetect.cli import COMMANDS
from streamdetect.codecs import REASONS
from streamdetect.core.readings import Outcome
from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import SensorColumns
from streamdetect.metrics import Metric
from streamdetect.monitoring.metrics import TRANSITIONS, Metrics, Model, Watched
from streamdetect.monitoring.reports import MESSAGE_OUTCOMES, BatchReport, DetectorReport
from streamdetect.service.daemon import Daemon  # noqa: F401 - its parts declare their metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

FILE = Path(__file__).with_name("REFERENCE.md")
HEAD = """# Reference

Made from the code by `python deploy/reference.py`; a test keeps the two together. `streamdetect schema
config` and `streamdetect schema event` print the JSON Schemas that this was made from.
"""
READING_OUTCOMES = {
    "accepted": "put into the sensor's window",
    "duplicate": "the same time as the sensor's last reading",
    "late": "an earlier time than the sensor's last reading",
    "cardinality": "a new sensor past `max_sensors`, with none idle to make room",
    "incomplete": "a feature is missing, and `missing` gives no value for it",
    "excluded": "of a sensor that `overrides` exclude",
}


def text() -> str:
    """Return the reference."""
    return "\n".join([HEAD, *_options(), *_metrics(), *_events(), *_commands()])


def _options() -> Iterator[str]:
    schema = config.schema()
    yield "## Options\n"
    yield "Durations are seconds or `500ms`, `10s`, `5min`, `2h`, `7d`; sizes are bytes or `64KiB`, `1MiB`.\n"
    yield "| option | default | values | |\n|---|---|---|---|"
    for path, default, values, what in _walk(schema, schema["$defs"], ""):
        yield f"| `{path}` | {default} | {values} | {what} |"
    yield ""


def _walk(node: dict[str, Any], defs: dict[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    for name, option in node["properties"].items():
        below = f"{path}.{name}".removeprefix(".")
        section = option.get("$ref") or option.get("items", {}).get("$ref")
        if section:
            part = defs[section.rpartition("/")[2]]
            yield from _walk(part, defs, f"{below}[]" if "items" in option else below)
        else:
            default = json.dumps(option["default"], ensure_ascii=False) if "default" in option else ""
            yield below, f"`{default}`" if default else "", _values(option), _cell(option["description"])
            for kind in option.get("anyOf", ()):
                if "$ref" in kind:  # a section that may be left out
                    yield from _walk(defs[kind["$ref"].rpartition("/")[2]], defs, below)


def _values(option: dict[str, Any]) -> str:
    """Say in a few words what an option may be."""
    if "$ref" in option:
        return "a section"
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "const" in option:
        return f"`{option['const']}`"
    if "anyOf" in option:
        kinds = [_values(kind) for kind in option["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if "pattern" in option and option["pattern"].startswith(r"^\d"):
        return "a quantity"
    kind = {"integer": "integer", "number": "number", "boolean": "`true`, `false`", "null": "`null`"}
    kind |= {"string": "text", "array": "list", "object": "mapping"}
    limits = [
        f"{sign} {_number(option[key])}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in option
    ]
    return " ".join([kind[option["type"]], *limits])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "`process_` metrics are those of every Prometheus client. Series of single sensors, named"
    yield "`streamdetect_sensor_…`, can be turned off (`metrics.per_sensor`) and end at"
    yield "`metrics.max_sensors`; a value that is not known yet has no series.\n"
    yield "| metric | type | labels | |\n|---|---|---|---|"
    for name, kind, labels, what in metrics():
        yield f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {_cell(what)} |"
    yield from _meanings("`outcome` of `streamdetect_messages_total`", MESSAGE_OUTCOMES)
    yield from _meanings("`reason` of `streamdetect_rejected_total`", dict(REASONS))
    yield from _meanings(
        "`outcome` of `streamdetect_readings_total`",
        {one.name.lower(): READING_OUTCOMES[one.name.lower()] for one in Outcome},
    )
    kinds = ", ".join(f"`{kind}`" for kind in TRANSITIONS)
    yield f"\n`kind` of `streamdetect_incident_transitions_total`: {kinds}, as in the [events](#events).\n"


def metrics() -> list[tuple[str, str, list[str], str]]:
    """Every metric as (name in queries, type, labels, help), from an exposition that has them all."""
    found = []
    for family in text_string_to_metric_families(_exposition()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append((name, family.type, sorted(labels), family.documentation))
    return sorted(found)


def _zero(labels: tuple[str, ...]) -> Callable[[object], Mapping[tuple[str, ...], float]]:
    return lambda _: {labels: 0.0}


class _Daemon:
    """Stands for all parts of a daemon: it has every declared metric, at 0."""

    metrics: ClassVar[Sequence[Metric[Any]]] = tuple(
        replace(metric, read=_zero(metric.labels)) for metric in Metric.known.values()
    )


def _exposition() -> str:
    """The metrics of a daemon that has seen everything once."""
    one = np.ones(1)
    each, features = np.ones(1), np.ones((1, 2))
    columns = SensorColumns(
        ids=["s"],
        last_time=each,
        value=features,
        error=each,
        threshold=each,
        score=each,
        views=np.ones((1, len(VIEWS))),
        expected=features,
        lower=features,
        upper=features,
        anomalous=each > 0,
        incident_open=each > 0,
        withheld=each > 0,
        silent=each > 0,
        warming_up=each > 0,
        readings_to_go=np.ones(1, np.int64),
        interval=each,
        drift=each,
        drifting=each > 0,
    )
    shown = Metrics(per_sensor=True, max_sensors=1)
    shown.parts = [_Daemon()]
    shown.detectors = {"d": Watched(lambda: columns, ("a", "b"), Model("general", "dense", "0" * 16))}
    detector = DetectorReport("d", np.array([0], dtype=np.uint8), 1, 1, ["opened"], 0.0)
    shown.observe(BatchReport({"accepted": 1}, {}, one, 1.0, [detector]))
    return shown.exposition().decode()


def _meanings(of: str, words: dict[str, str]) -> Iterator[str]:
    yield f"\n{of}:\n\n| | |\n|---|---|"
    for word, meaning in words.items():
        yield f"| `{word}` | {_cell(meaning)} |"


def _events() -> Iterator[str]:
    schema = json.loads(resources.files("streamdetect.sinks").joinpath("event.json").read_text("utf-8"))
    defs = schema["$defs"]
    yield f"## Events\n\n{schema['description']} Published to `events.topic`; `type` is one of\n"
    for kind in schema["properties"]["type"]["enum"]:
        yield f"- `{kind}`"
    yield "\n| field | |\n|---|---|"
    fields = {name: part for name, part in schema["properties"].items() if name != "data"}
    peak = defs["data"]["properties"]["peak"]["properties"]
    nested = {f"data.{name}": part for name, part in defs["data"]["properties"].items()}
    nested |= {f"data.peak.{name}": part for name, part in peak.items()}
    for name, part in (fields | nested).items():
        yield f"| `{name}` | {_cell(_description(part, defs))} |"
    yield "\nOf `io.streamdetect.model.drifted`, `data` has these instead:\n\n| field | |\n|---|---|"
    for name, part in defs["drift"]["properties"].items():
        yield f"| `data.{name}` | {_cell(_description(part, defs))} |"
    yield "\nBesides, `<prefix>/status` says `online` or `offline`, retained; the broker says `offline` for a"
    yield "daemon that is gone.\n"


def _description(part: dict[str, Any], defs: dict[str, Any]) -> str:
    if "description" in part:
        return str(part["description"])
    if "$ref" in part:
        return _description(defs[part["$ref"].rpartition("/")[2]], defs)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"] if value)
    return ""


def _commands() -> Iterator[str]:
    yield "## Commands\n\n| | |\n|---|---|"
    for name, command in COMMANDS.items():
        yield f"| `streamdetect {name}` | {_cell(command.help)} |"
    yield "\n`--help` after each tells its options. They return 0 when done, 1 when it failed, 2 for unknown"
    yield "options, 78 when the configuration is wrong, 130 when interrupted."


def _cell(words: str) -> str:
    """Make text fit into a table."""
    return re.sub(r"\s+", " ", words).replace("|", r"\|").replace("<", r"\<").strip()


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE}\n")
