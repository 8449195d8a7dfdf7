"""Every way of sending readings gives the readings that its sender expects."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


def _module(name: str) -> ModuleType:
    """Import a file beside this one: test folders are not packages."""
    spec = importlib.util.spec_from_file_location(f"field_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rows = _module("rows")
PROTOCOLS = ("5", "3.1.1")


def written(payload):
    return payload if isinstance(payload, bytes | str) else json.dumps(payload)


def near(found, expected):
    """Compare readings: values to a millionth, times to a millisecond."""
    return [
        (sensor, *(pytest.approx(number, abs=1e-3 if at else 1e-6) for at, number in enumerate(numbers)))
        for sensor, *numbers in expected
    ] == found


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("row", rows.ROWS, ids=[row.name for row in rows.ROWS])
def test_what_is_sent_arrives_as_its_sender_means_it(row, protocol, broker, daemon, publish, table):
    text = row.detectors if "detectors:" in row.detectors else f"detectors: {row.detectors}"
    one = daemon(broker(), f"mqtt: {{protocol: '{protocol}', client_id: field}}\n{text}")
    one.settle(publish(broker(), [(topic, written(payload)) for topic, payload in row.published]))
    same = near(one.readings, row.readings)
    expected = (sorted(row.rejected.items()), row.ignored)
    found = (sorted(one.rejected.items()), one.outcomes.get("ignored", 0))
    table(
        row,
        protocol,
        expected=(row.readings, *expected),
        found=(row.readings if same else one.readings, *found),
    )
    assert same, (one.readings, row.readings)
    assert found == expected
