"""JSON documents to rows: Prometheus, InfluxDB, Home Assistant, mosquitto_sub, and lists of records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from streamdetect.errors import DataError
from streamdetect.offline.recordings.sheet import Row, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from streamdetect.offline.recordings.recording import Layout

    Record = Mapping[str, Any]

_SERIES = ["series", "time", "value"]


def read(path: Path, file: IO[str], layout: Layout) -> Sheet:
    """Return the rows of a JSON document, or of one on each line.

    Raises:
        DataError: The file is not JSON, or not of a known kind.
    """
    documents = _load(path, file.read())
    first = documents[0] if documents else None
    if len(documents) == 1 and isinstance(first, list):
        return _records(path, first, layout)
    if len(documents) == 1 and isinstance(first, dict):
        return _document(path, first, layout)
    return _records(path, documents, layout)


def _document(path: Path, document: Record, layout: Layout) -> Sheet:
    """Read a database's answer, or columns."""
    data, results = document.get("data"), document.get("results")
    if isinstance(data, dict) and "result" in data:
        return _long("Prometheus JSON", _prometheus(data["result"]), layout)
    if isinstance(results, list):
        return _long("InfluxDB JSON", _influx(results), layout)
    if _is_of([document], "topic", "payload"):
        return _mosquitto([document], layout)
    return Sheet("JSON", _columns(path, document), replace(layout, header=True))


def _records(path: Path, records: Sequence[Any], layout: Layout) -> Sheet:
    """Read a list, or an object on each line."""
    if _is_of(records, "topic", "payload"):
        return _mosquitto(records, layout)
    if _is_of(records, "target", "datapoints"):
        series = (
            (str(one["target"]), [(time, value) for value, time in one["datapoints"]]) for one in records
        )
        return _long("Grafana JSON", series, layout)
    if records and all(isinstance(record, list) for record in records):
        return _lists(records, layout)
    if not _is_of(records):
        raise DataError(
            f"{path}: must be a list of objects, one object a line, or an answer of Prometheus or InfluxDB"
        )
    return Sheet("JSON", _table([flat(record) for record in records]), replace(layout, header=True))


def _is_of(records: Sequence[object], *names: str) -> bool:
    return bool(records) and all(isinstance(one, dict) and set(names) <= one.keys() for one in records)


def _columns(path: Path, document: Record) -> Iterator[Row]:
    """Read a document of columns, or of names and rows, as pandas writes them; or a single record."""
    names, rows = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(rows, list):
        yield Row(0, list(map(str, names)))
        yield from (Row(line, list(map(_text, row))) for line, row in enumerate(rows, 1))
        return
    lists = [value for value in document.values() if isinstance(value, list)]
    if not lists:
        yield from _table([flat(document)])
        return
    if len(lists) < len(document) or len({len(one) for one in lists}) > 1:
        raise DataError(f"{path}: must be columns of the same length, or a list of objects")
    yield Row(0, list(document))
    yield from (Row(line, list(map(_text, row))) for line, row in enumerate(zip(*lists, strict=True), 1))


def _lists(rows: Sequence[Sequence[object]], layout: Layout) -> Sheet:
    """Read lists of an entity's states, as Home Assistant answers, or of the cells of a row."""
    if rows[0] and all(isinstance(state, dict) for state in rows[0]):
        lists = [[state for state in states if isinstance(state, dict)] for states in rows]
        return _long("Home Assistant JSON", _home_assistant(lists), layout)
    cells = (Row(line, list(map(_text, row))) for line, row in enumerate(rows, 1))
    return Sheet("JSON", cells, layout)


def flat(record: Record, before: str = "") -> dict[str, str]:
    """Return the values of nested objects by their paths, as text."""
    found: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = _text(value)
    return found


def _load(path: Path, text: str) -> list[Any]:
    """Load one document, or one on each line."""
    try:
        return [json.loads(text)]
    except ValueError as error:
        whole = str(error)
    documents = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            documents += [json.loads(line)] if line.strip() else []
        except ValueError as error:
            if number == 1:
                raise DataError(f"{path}: is not JSON: {whole}") from None
            if documents and number == text.count("\n") + 1:
                break  # the last line is torn
            raise DataError(f"{path}: line {number}: is not JSON: {error}") from None
    return documents


def _text(value: object) -> str:
    """Write a value as a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _table(records: Sequence[Mapping[str, str]]) -> Iterator[Row]:
    names = list(dict.fromkeys(name for record in records for name in record))
    yield Row(0, names)
    for line, record in enumerate(records, 1):
        yield Row(line, [record.get(name, "") for name in names])


def _long(kind: str, series: Iterable[tuple[str, Iterable[tuple[object, object]]]], layout: Layout) -> Sheet:
    """Return a row for each value, of series that have a name and pairs of time and value."""

    def rows() -> Iterator[Row]:
        yield Row(0, _SERIES)
        line = 0
        for name, pairs in series:
            for time, value in pairs:
                line += 1
                yield Row(line, [name, _text(time), _text(value)])

    known = replace(layout, sensor_column="series", time_column="time", columns=("value",), header=True)
    return Sheet(kind, rows(), known)


def _prometheus(results: Sequence[Record]) -> Iterator[tuple[str, list[tuple[object, object]]]]:
    """Read a series for each name, made of the metric's name and the labels that not all of them share."""
    metrics = [dict(result.get("metric", {})) for result in results]
    shared = {
        label for label in (metrics[0] if metrics else ()) if len({one.get(label) for one in metrics}) == 1
    }
    for metric, result in zip(metrics, results, strict=True):
        own = [str(metric[label]) for label in sorted(metric.keys() - shared - {"__name__"})]
        name = "/".join([str(metric.get("__name__", "value")), *own])
        pairs = result.get("values") or ([result["value"]] if "value" in result else [])
        yield name, [(time, value) for time, value in pairs]


def _influx(results: Sequence[Record]) -> Iterator[tuple[str, list[tuple[object, object]]]]:
    """Read a series for each field of each series of InfluxDB 1."""
    for series in (one for result in results for one in result.get("series", [])):
        columns, rows = series["columns"], series["values"]
        where = [series.get("name", ""), *map(str, series.get("tags", {}).values())]
        time = columns.index("time")
        for place, column in enumerate(columns):
            if place != time:
                yield "/".join([*where, column]), [(row[time], row[place]) for row in rows]


def _home_assistant(lists: Sequence[Sequence[Record]]) -> Iterator[tuple[str, list[tuple[object, object]]]]:
    """Read a list for each entity, of which only the first state may name it."""
    for states in lists:
        if states:
            pairs = [(one.get("last_changed", one.get("last_updated")), one.get("state")) for one in states]
            yield str(states[0].get("entity_id", "entity")), pairs


def _mosquitto(messages: Sequence[Record], layout: Layout) -> Sheet:
    """Read the output of `mosquitto_sub -F %J` or `%j`: a sensor per topic; retained ones have no time."""
    fresh = [message for message in messages if not message.get("retain")]
    records = [
        {"topic": str(one["topic"]), "tst": str(one["tst"]), **_payload(one["payload"])} for one in fresh
    ]
    retained = len(messages) - len(fresh)
    known = replace(
        layout,
        sensor_column=layout.sensor_column or "topic",
        time_column=layout.time_column or "tst",
        header=True,
    )
    notes = (f"{retained:,} retained messages left out: they tell no time",) if retained else ()
    return Sheet("mosquitto_sub JSON", _table(records), known, notes)


def _payload(payload: object) -> dict[str, str]:
    """Return a payload, which `%j` writes as text."""
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return {"value": str(payload)}
    return flat(payload) if isinstance(payload, dict) else {"value": _text(payload)}
