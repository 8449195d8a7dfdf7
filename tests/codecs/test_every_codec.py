"""Every format of `CODECS` keeps the promises of `Codec`; a new one is checked here by being in the list."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import CODECS, REASONS, PayloadSettings, codec
from streamdetect.errors import RejectedPayload

TIME = 1_714_564_800.0  # whole seconds: formats may write fewer digits than a float has
REQUIRED = {"bytes": {"type": "float64-le"}}
"""Options without which a format cannot be configured; a format that needs some has a line here."""


def settings_of(name):
    return PayloadSettings(name, **REQUIRED.get(name, {}))


def written(name, values):
    """Write a payload of a format, and read it: its settings and samples."""
    settings = settings_of(name)
    payload = CODECS[name].write(settings, TIME, values)
    return codec(settings).decode(payload, TIME + 1, CODECS[name].topic("sensors/+", 1))


@pytest.mark.parametrize("name", CODECS)
def test_a_format_is_described_and_takes_options_that_exist(name):
    one = CODECS[name]
    assert one.name == name
    assert one.about
    assert not one.about.endswith(".")
    assert one.takes <= {*PayloadSettings.__dataclass_fields__}
    assert all(option.text.endswith(".") for option in one.own.values())
    assert not list(one.problems(settings_of(name)))


@pytest.mark.parametrize("name", CODECS)
@given(value=st.floats(-1e6, 1e6))
def test_a_value_that_is_written_is_read_back(name, value):
    done = written(name, [value])
    ((_, time, values),) = done.samples
    assert not done.faults
    assert values == (value,)
    assert time == (TIME if CODECS[name].has_times else TIME + 1)


@pytest.mark.parametrize("name", CODECS)
@given(payload=st.binary(max_size=100))
def test_any_bytes_give_finite_samples_or_a_known_reason(name, payload):
    rejected, samples, faults = None, (), ()
    try:
        samples, faults = codec(settings_of(name)).decode(payload, TIME, CODECS[name].topic("sensors/+", 1))
    except RejectedPayload as error:
        rejected = error
    assert bool(samples) != bool(rejected)
    assert all(fault.reason in REASONS and str(fault).isprintable() for fault in (*faults, rejected) if fault)
    for _, time, values in samples:
        assert math.isfinite(time)
        assert len(values) == 1
        assert all(type(value) is float and math.isfinite(value) for value in values)
