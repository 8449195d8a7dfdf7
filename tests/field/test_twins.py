"""Several sensors that a configuration takes for one: said once, with what would tell them apart."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("detector", "messages", "said"),
    [
        (
            "{topics: [gate/+], payload: {value: t}}",
            [("gate/1", f'{{"mac": "{mac}", "t": {at}}}') for at, mac in enumerate("ababab")],
            ["several sensors on 'gate/1' as one: mac alternates between 'a', 'b'", '"{topic}/{mac}"'],
        ),
        (
            "{topics: ['line/#'], templates: ['line/_/{s}'], sensor: '{s}', payload: {format: number}}",
            [(f"line/{at % 2}/t", str(at)) for at in range(6)],
            ["alternate between 'line/0/t' and 'line/1/t' as one sensor, t", "`templates`"],
        ),
        (
            "{topics: [join/+], sensor: '{a}-{b}', payload: {value: t}}",
            [("join/1", '{"a": "x-y", "b": "z", "t": 1}'), ("join/1", '{"a": "x", "b": "y-z", "t": 1}')],
            ["the sensor of 'x-y' and 'z' and the sensor of 'x' and 'y-z' the same id, x-y-z", "put /"],
        ),
    ],
    ids=["payloads", "topics", "names"],
)
def test_sensors_that_are_taken_for_one(detector, messages, said, broker, daemon, publish, caplog):
    one = daemon(broker(), f"mqtt: {{client_id: twins}}\ndetectors: [{detector}]")
    for message in messages:
        publish(broker(), [message])
        one.hear()
    (warning,) = [
        record.getMessage() for record in caplog.records if record.name == "streamdetect.service.twins"
    ]
    for words in said:
        assert words in warning


@pytest.mark.parametrize(
    ("detector", "messages"),
    [
        (
            "{topics: [gate/+], payload: {value: t}}",
            [("gate/2", f'{{"msgid": {at}, "name": "pump", "t": 1}}') for at in range(6)],
        ),
        (
            "{topics: ['dev/#'], templates: ['dev/{s}/#'], sensor: '{s}', payload: {value: t}}",
            [("dev/a/data", '{"t": 1}'), ("dev/a/status", '{"state": "ok"}')] * 3,
        ),
        (
            "{topics: [join/+], sensor: '{a}/{b}', payload: {value: t}}",
            [("join/2", '{"a": "x/y", "b": "z", "t": 1}'), ("join/2", '{"a": "x", "b": "y/z", "t": 1}')],
        ),
    ],
    ids=["a counter", "a status", "names that are apart"],
)
def test_sensors_that_are_what_they_seem(detector, messages, broker, daemon, publish, caplog):
    one = daemon(broker(), f"mqtt: {{client_id: twins}}\ndetectors: [{detector}]")
    for message in messages:
        publish(broker(), [message])
        one.hear()
    assert not [record for record in caplog.records if record.name == "streamdetect.service.twins"]
