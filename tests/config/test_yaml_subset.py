from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.config.yaml_subset import parse_yaml, write_yaml
from streamdetect.errors import ConfigError

TEXT = st.one_of(
    st.text(), st.from_regex(r"[-+]?[0-9.eE_:x~]{1,6}", fullmatch=True), st.sampled_from(["no", "NULL", "="])
)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("NO", "NO"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("2024-05-01", "2024-05-01"),
        ("010", 10),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("+3", 3),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("", None),
        ("~", None),
        ("null", None),
        ("'null'", "null"),
        ('"1"', "1"),
        ("|\n  1\n", "1\n"),
        ("=", "="),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]),
        ('"\\u00b5"', "µ"),
    ],
)
def test_plain_values_are_what_they_look_like(scalar, value):
    parsed = parse_yaml(f"key: {scalar}")["key"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "configuration: must be a mapping of options"),
        ("# only a comment", "configuration: must be a mapping of options"),
        ("- a", "configuration: must be a mapping of options"),
        ("text", "configuration: must be a mapping of options"),
        ("a: 1\na: 2", "line 2, column 1: duplicate key"),
        ("a: {b: 1, 'b': 2}", "line 1, column 11: duplicate key"),
        ("1: a", "line 1, column 1: a key must be a string"),
        ("true: a", "line 1, column 1: a key must be a string"),
        ("? [a]\n: b", "line 1, column 3: a key must be a string"),
        ("? {a: b}\n: b", "line 1, column 3: a key must be a string"),
        ("a: 1\n---\nb: 2", "line 2, column 1: there must be one document"),
        ("a: " + "9" * 301, "line 1, column 4: this number is too long"),
        ("a: '\x07'", "line 1: must have no control characters"),
        ("a: 1\nb: \x00", "line 2: must have no control characters"),
        ('a: "\\ud800"', "line 1, column 4: half of a surrogate pair is not valid text"),
        ('a: "\\UFFFFFFFF"', "configuration: must have no escapes beyond Unicode"),
        ("a: [1", "line 1, column 6: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a:\n\t- b", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("a: @b", "line 1, column 4: found character '@' that cannot start any token"),
        ("[" * 100, "line 1, column 34: this is nested too deep"),
        ("[" * 100_000, "line 1, column 34: this is nested too deep"),
        ("{a: " * 100, "line 1, column 130: this is nested too deep"),
    ],
)
def test_everything_else_is_refused_with_its_place(text, problem):
    with pytest.raises(ConfigError) as broken:
        parse_yaml(text)
    assert [str(found) for found in broken.value.problems] == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "p: *hunter2",
        "p: &hunter2 a",
        "p: !hunter2 a",
        "p: !hunter2!a b",
        "p: %hunter2",
        "p: 'hunter2",
        "p: [hunter2",
        "%TAG !hunter2! x\n%TAG !hunter2! y\n---\n",
        'p: "\\hunter2"',
        "p: @hunter2",
    ],
)
def test_no_message_quotes_the_text(text):
    with pytest.raises(ConfigError) as broken:
        parse_yaml(text)
    assert "hunter2" not in str(broken.value)
    assert broken.value.__suppress_context__


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(TEXT, st.integers(), st.booleans(), st.none(), st.lists(TEXT))
    )
)
def test_what_is_written_is_read_back(data):
    try:
        assert parse_yaml(write_yaml(data)) == data
    except ConfigError as error:
        refused = str(error)
    else:
        return
    assert "must have no control characters" in refused


def test_a_merge_key_is_a_key_like_any_other():
    assert parse_yaml("a: {<<: {b: 1}}") == {"a": {"<<": {"b": 1}}}
