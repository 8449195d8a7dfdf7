"""Paths into a JSON document, compiled once.

`value`, `data.temp`, `$.data.temp`, `readings[0].v` and `data["odd key"]`: names and indices only. The query
languages (JSONPath, JMESPath) look for every match; a value has one place.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP: Final = re.compile(
    r"""(?:\.|^) (?P<name> [^.\[\]"'$\s]+ )
      | \[ (?P<index> \d{1,6} ) \]
      | \[ (?P<quote> ["'] ) (?P<quoted> [^"']+ ) (?P=quote) \]""",
    re.VERBOSE,
)


def parse_path(path: str) -> tuple[str | int, ...]:
    """Split a path into keys and indices.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    text = path[2:] if path.startswith("$.") else path.removeprefix("$")
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ValueError("must be a path like value, data.temp, readings[0].v or data['odd key']")
        steps.append(step["name"] or step["quoted"] or int(step["index"]))
        position = step.end()
    if not steps:
        raise ValueError("must be a path like value, data.temp, readings[0].v or data['odd key']")
    if isinstance(steps[0], int):
        raise ValueError("must begin with a name: a list at the top holds several readings")  # noqa: TRY004 - the text is wrong, not its type
    return tuple(steps)


def compile_path(path: str) -> Callable[[object], object]:
    """Make the function that fetches what the path points to.

    The function raises KeyError, IndexError or TypeError when there is nothing.

    Raises:
        ValueError: the path has no meaning.
    """
    steps = parse_path(path)
    if len(steps) == 1:
        fetch_one: Callable[[Any], object] = itemgetter(steps[0])
        return fetch_one

    def fetch(node: Any) -> object:  # noqa: ANN401 - whatever JSON holds; what has no items raises TypeError
        for step in steps:
            node = node[step]
        return node

    return fetch
