"""`config.yaml` and the JSON Schema say what the models say."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from streamdetect.config import Config, load, parse, schema
from streamdetect.config.section import Section

REFERENCE = Path(__file__).parents[2] / "config.yaml"


def sections(section, options):
    """Every section of a configuration with the plain data it came from."""
    yield type(section), options
    for name, value in section:
        for inner, written in zip(
            value if isinstance(value, tuple) else [value],
            options[name] if isinstance(value, tuple) else [options[name]],
            strict=True,
        ):
            if isinstance(inner, Section):
                yield from sections(inner, written)


def test_the_reference_holds_the_defaults():
    assert load(REFERENCE) == Config.defaults()


def test_the_reference_names_every_option():
    found = list(sections(Config.defaults(), yaml.safe_load(REFERENCE.read_text())))
    assert len(found) == 21
    for section, written in found:
        assert set(written) == set(section.model_fields)


def test_the_schema_accepts_the_reference_and_refuses_what_the_models_refuse():
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    validator.validate(yaml.safe_load(REFERENCE.read_text()))
    validator.validate({"mqtt": {"keepalive": 5, "max_payload": "1MiB"}})
    for wrong in ({"mqt": {}}, {"mqtt": {"port": "a"}}, {"detectors": []}, {"mqtt": {"keepalive": "5m"}}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


def test_every_option_is_described_in_the_schema():
    document = schema()
    described = {
        f"{name}.{option}": facts
        for name, section in {"": document, **document["$defs"]}.items()
        for option, facts in section["properties"].items()
    }
    assert len(described) > 70
    assert [name for name, facts in described.items() if not {"description", "$ref"} & set(facts)] == []
    assert [name for name, section in document["$defs"].items() if not section.get("description")] == []


def test_what_is_written_out_reads_the_same():
    config = parse("""
mqtt: {host: "no", session_expiry: 2h, max_payload: 1MiB}
events: {labels: {site: "12:30", note: "0x1f", flag: "true", id: "007", empty: "", big: "1e3", nul: "~"}}
detectors:
  - {name: "1", templates: ["sensors/{x}", "#"], max_gap: 500ms, payload: {values: {b: "['°']", a: y}}}
""")
    written = config.to_yaml()
    assert parse(written) == config
    assert list(parse(written).detectors[0].payload.values) == ["b", "a"]
    assert parse(Config.defaults().to_yaml()) == Config.defaults()


def test_an_empty_mapping_is_the_defaults():
    assert parse("{}") == Config.defaults()
