from __future__ import annotations

import pytest

from streamdetect.codecs.paths import parse_each, parse_path, what_is_there


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("$.a", ("a",)),
        ("$a", ("a",)),
        ("a.b-c[10].d", ("a", "b-c", 10, "d")),
        ("['a b'][\"c.d\"]", ("a b", "c.d")),
        ("a[0]", ("a", 0)),
        ("a.0", ("a", "0")),
        ("$", ()),
        ("[0].v", (0, "v")),
        ("$[1]", (1,)),
    ],
)
def test_a_path_is_names_and_indices(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    "path",
    [
        "",
        "$.",
        ".",
        "a.",
        "a..b",
        "a[",
        "a[]",
        "a[-1]",
        "a[*]",
        "a[x]",
        "a b",
        "a['b]",
        "a['']",
        "..a",
        "a.$b",
    ],
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="must be a path like"):
        parse_path(path)


@pytest.mark.parametrize(
    ("path", "walked"),
    [
        ("$", ((),)),
        ("data", (("data",),)),
        ("data[*]", (("data",),)),
        ("devices[*].readings", (("devices",), ("readings",))),
        ("[*].readings", ((), ("readings",))),
        ("a[*][*]", (("a",), ())),
    ],
)
def test_the_path_of_each_is_cut_where_it_walks(path, walked):
    assert parse_each(path) == walked


def test_what_is_there_is_told_as_far_as_the_path_leads():
    document = {"data": {"humidity": 41, "name": "a\u202eb", "x": [1, 2], "y": {}, "on": True}}
    there = "humidity: 41, name: 'a\\u202eb', x: […] of 2, y: {…}, on: true"
    assert what_is_there(document, ("data", "temp")) == there
    assert what_is_there({"data": "off"}, ("data", "temp")) == "'off'"
    assert what_is_there({}, ("data",)) == "an empty object"
    assert what_is_there(dict.fromkeys("abcdefghij", 10**5000), ()).endswith(", …")
