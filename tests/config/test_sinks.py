"""The sections of sinks: what they refuse, and that the examples of the reference are right."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from refused import problems

from streamdetect.config import PeriodConfig, parse

REFERENCE = Path(__file__).parents[2] / "config.yaml"
ZONE = "must be a time zone like Europe/Berlin or UTC"
CRON = "must be five fields of cron: minute, hour, day, month, weekday"


@pytest.mark.parametrize("section", ["webhooks", "files", "notify"])
def test_the_example_of_the_reference_holds_the_defaults_and_names_every_option(section):
    _, _, rest = REFERENCE.read_text().partition(f"\n{section}: []")
    example = rest.partition("\n\n")[0].splitlines()[1:]
    text = "\n".join([f"{section}:", *(line.removeprefix("#") for line in example)])
    (one,) = getattr(parse(text), section)
    needed = {name: getattr(one, name) for name in ("name", "url", "path") if hasattr(one, name)}
    assert one == type(one).model_validate(needed)
    shared = {"detectors", "sensors", "labels", "severity", "edges", "give_up_after", "url_file", "url_env"}
    written = {line.strip(" -#").partition(":")[0] for line in text.splitlines()[1:]}
    assert type(one).model_fields.keys() - shared <= written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("webhooks: [{name: a}]", ["webhooks[0].url: is required, or url_file or url_env"]),
        (
            "webhooks: [{name: a, url: 'http://x', url_file: b}]",
            ["webhooks[0].url_file: cannot be combined with url"],
        ),
        (
            "webhooks: [{name: a, url: 'ftp://hunter2'}]",
            ["webhooks[0].url: must begin with http:// or https://, got ***"],
        ),
        (
            "webhooks: [{name: a, url: 'http://x'}]\nfiles: [{name: a, path: x}, {name: mqtt, path: y}]",
            [
                "files[0].name: must be unique among all sinks, got 'a'",
                "files[1].name: must be unique among all sinks, got 'mqtt'",
            ],
        ),
        (
            "notify: [{name: a, url: 'json://x', title: '{sensor', body: '{value:.1f}'}]",
            [
                (
                    "notify[0].title: must have every brace closed, or doubled where it is meant"
                    " (expected '}' before end of string), got '{sensor'"
                ),
                "notify[0].body: must have placeholders without a format, as {value}, got '{value:.1f}'",
            ],
        ),
        (
            (
                "notify: [{name: a, url: 'json://x',"
                " quiet_hours: [{cron: '61 * * * *', lasts: 1h, timezone: Mars}]}]"
            ),
            [
                f"notify[0].quiet_hours[0].cron: {CRON} (Bad minute), got '61 * * * *'",
                f"notify[0].quiet_hours[0].timezone: {ZONE}, got 'Mars'",
            ],
        ),
        (
            "notify: [{name: a, url: 'json://x', quiet_hours: [{cron: '0 0 * * * *', lasts: 1h}]}]",
            [f"notify[0].quiet_hours[0].cron: {CRON}, got '0 0 * * * *'"],
        ),
    ],
)
def test_what_is_refused(text, expected):
    assert problems(text) == expected


def test_an_unknown_placeholder_is_named():
    (problem,) = problems("notify: [{name: a, url: 'json://x', title: '{message.__class__}'}]")
    assert "got {message.__class__}" in problem


def test_a_url_is_not_in_what_is_written_out():
    config = parse("webhooks: [{name: a, url: 'http://x/T0K3N'}]")
    assert "T0K3N" not in config.to_yaml()
    assert "T0K3N" not in repr(config)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-28T21:59:59+01:00", False),
        ("2026-03-28T22:00:00+01:00", True),
        ("2026-03-29T07:59:59+02:00", True),  # nine hours later, for clocks were put forward
        ("2026-03-29T08:00:00+02:00", False),
    ],
)
def test_a_period_lasts_as_long_as_it_says(moment, holds):
    period = PeriodConfig(cron="0 22 * * *", lasts="9h", timezone="Europe/Berlin")
    assert period.holds(datetime.fromisoformat(moment).timestamp()) is holds
