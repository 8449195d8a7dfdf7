"""Paths into a document, compiled once.

| path | points to |
|---|---|
| `value`, `data.temp`, `$.data.temp` | the member of that name, and within it |
| `readings[0].v`, `data["odd key"]` | the place in a list; a name of any characters |
| `[1]` | the second place of a list |
| `$` | the document itself, or the entry that `each` is at |
| `$key` | the key of that entry, or its place in the list |

Names and places only: the query languages (JSONPath, JMESPath) look for every match; a value has one place.
`each` walks, so its path alone may have `[*]`: `devices[*].readings` are the readings of every device.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Path = tuple[str | int, ...]

ROOT: Final = "$"
KEY: Final = "$key"
NOTHING_THERE: Final = (KeyError, IndexError, TypeError)
"""The errors that fetching raises when nothing is at a path."""

_RULE: Final = "must be a path like value, data.temp, readings[0].v or data['odd key']"
_STEP: Final = re.compile(
    r"""(?:\.|^) (?P<name> [^.\[\]"'$\s]+ )
      | \[ (?P<index> \d{1,6} ) \]
      | \[ (?P<quote> ["'] ) (?P<quoted> [^"']+ ) (?P=quote) \]""",
    re.VERBOSE,
)


def parse_path(path: str) -> Path:
    """Split a path into names and places; of `$` there are none.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    if path == ROOT:
        return ()
    text = path[2:] if path.startswith("$.") else path.removeprefix("$")
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ValueError(_RULE)
        steps.append(step["name"] or step["quoted"] or int(step["index"]))
        position = step.end()
    if not steps:
        raise ValueError(_RULE)
    return tuple(steps)


def parse_each(path: str) -> tuple[Path, ...]:
    """Split the path of `each` at its `[*]`: what is walked, and what is walked in each of those.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    parts = path.removesuffix("[*]").split("[*]")
    return tuple(parse_path(part.removeprefix(".") or ROOT) for part in parts)


def compile_path(path: str) -> Callable[[object], object]:
    """Make the function that fetches what the path points to.

    The function raises one of `NOTHING_THERE` when there is nothing.

    Raises:
        ValueError: the path has no meaning.
    """
    return fetcher(parse_path(path))


def fetcher(steps: Path) -> Callable[[object], object]:
    """Make the function that fetches what these steps lead to; see `compile_path`."""
    if len(steps) == 1:
        fetch_one: Callable[[Any], object] = itemgetter(steps[0])
        return fetch_one

    def fetch(node: Any) -> object:  # noqa: ANN401 - whatever a document holds; what has no items raises TypeError
        for step in steps:
            node = node[step]
        return node

    return fetch


def what_is_there(node: object, steps: Path) -> str:
    """List what a document has where the path leads no further: `humidity: 41, battery: 97`."""
    for step in steps:
        try:
            node = node[step]  # type: ignore[index]  # what has no items raises TypeError
        except NOTHING_THERE:
            break
    if isinstance(node, dict):
        members = [f"{key}: {brief(value)}" for key, value in list(node.items())[:_SHOWN]]
        return _clean(", ".join(members) + (", …" if len(node) > _SHOWN else "")) or "an empty object"
    return _clean(brief(node))


_SHOWN: Final = 8  # members


def brief(value: object) -> str:
    """Show a value of a document in at most 40 characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return f"[…] of {len(value)}"
    try:
        return f"{value!r:.40}"
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"


def _clean(text: str) -> str:
    """Escape what is not printable; lone surrogates are not."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
