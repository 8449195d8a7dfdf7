from __future__ import annotations

import pytest

from streamdetect.codecs.paths import parse_path


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
    ],
)
def test_a_path_is_names_and_indices(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    "path",
    [
        "",
        "$",
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


@pytest.mark.parametrize("path", ["[0].v", "$[0]"])
def test_an_index_at_the_top_is_refused_for_lists_there_are_several_readings(path):
    with pytest.raises(ValueError, match="a list at the top holds several readings"):
        parse_path(path)
