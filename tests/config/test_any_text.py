"""Whatever a configuration file holds, it is a configuration or a ConfigError."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamdetect.config import (
    Config,
    DetectorConfig,
    FileConfig,
    MaintenanceConfig,
    NotifyConfig,
    WebhookConfig,
    load,
    parse,
    validate,
)
from streamdetect.config.section import Section
from streamdetect.config.sinks import InhibitConfig
from streamdetect.errors import ConfigError

REFERENCE = (Path(__file__).parents[2] / "config.yaml").read_text()


SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["a/#", "a/{x}", "{x}", "5s", "64KiB", "json", "per_sensor", "websockets", "a[0]"]),
)
KEYS = st.one_of(
    st.sampled_from(sorted({name for section in Section.__subclasses__() for name in section.model_fields})),
    st.text(max_size=5),
)
LISTS = {"detectors": DetectorConfig, "webhooks": WebhookConfig, "files": FileConfig, "notify": NotifyConfig}
LISTS |= {"inhibit": InhibitConfig, "maintenance": MaintenanceConfig}
DATA = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=8,
)


def accepted(read, data):
    try:
        config = read(data)
    except ConfigError as error:
        broken = error
    else:
        assert isinstance(config, Config)
        return config
    assert broken.problems
    assert all(problem.path and problem.rule for problem in broken.problems)
    assert all(str(problem).isprintable() for problem in broken.problems)
    return None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
@example("? ")
@example("a: !<x> b")
@example("%YAML 9.9\n---\na: b")
@example("a: |9\n b")
def test_any_text(text):
    accepted(parse, text)


@given(st.text(alphabet=string.ascii_lowercase[:4] + ":-?[]{},#&*!|>'\"%@`\\~ \n\t0", max_size=40))
def test_any_text_of_yaml_marks(text):
    accepted(parse, text)


@given(st.binary(max_size=60))
def test_any_bytes_in_a_file(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    accepted(load, path)


@given(st.dictionaries(KEYS, DATA, max_size=4))
def test_any_structure(data):
    accepted(validate, data)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.dictionaries(st.sampled_from(sorted(field.annotation.model_fields)), DATA, max_size=4)
            for name, field in Config.model_fields.items()
            if name not in LISTS
        },
    )
)
def test_any_values_of_known_options(data):
    accepted(validate, data)


@given(data=st.data(), name=st.sampled_from(sorted(LISTS)))
def test_any_values_in_lists_of_sections(data, name):
    options = st.fixed_dictionaries({}, optional=dict.fromkeys(LISTS[name].model_fields, DATA))
    accepted(validate, {name: data.draw(st.lists(options, max_size=3))})


@given(st.integers(0, len(REFERENCE) - 1), st.characters(codec="utf-8"), st.integers(0, 20))
def test_any_damage_to_the_reference(position, character, gap):
    accepted(parse, REFERENCE[:position] + character + REFERENCE[position + gap :])


@given(st.sampled_from(REFERENCE.splitlines()))
def test_any_line_of_the_reference_may_be_missing(line):
    config = accepted(parse, REFERENCE.replace(line + "\n", "", 1))
    if config is not None:
        assert config == Config.defaults()


@pytest.mark.parametrize("depth", [31, 32, 33, 2_000])
def test_any_depth(depth):
    accepted(parse, "{mqtt: " * depth + "1" + "}" * depth)
    accepted(parse, "detectors: " + "[" * depth + "1" + "]" * depth)
