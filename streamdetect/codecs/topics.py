"""Topic templates: which parts of a topic name the sensor.

| in a template | matches | gives |
|---|---|---|
| `plant` | that level | |
| `_` | any level | |
| `{site}` | any level | the label `site` |
| `temp:{channel}` | a level with that beginning | the label `channel`, the rest of the level |
| `#` at the end | any levels, or none | |
| `{sensor#}` at the end | one or more levels | the label `sensor`, joined with `/` |

`plant/{site}/_/{sensor}` reads `plant/north/line3/temp` as site `north`, sensor `temp`. A leading slash is an
empty first level, in the template as in the topic. Labels are written as ids are (`ids.py`): what goes into
events, metrics and logs is never raw input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from streamdetect.codecs.ids import bounded, escaped, escaped_levels
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NAME: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63})(#?)\}")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_MAX_NAMES: Final = 3  # in one level: each more multiplies the ways in which a level can be cut


class TopicTemplate:
    """One template, ready to match.

    Raises:
        ValueError: the text is not a template; the message is fit for a configuration error.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._levels = text.split("/")
        for level in self._levels:
            _check_level(level, last=level is self._levels[-1])
        self.names = tuple(found[1] for found in _NAME.finditer(text))
        self.long = tuple(found[1] for found in _NAME.finditer(text) if found[2])  # of several levels
        if len(set(self.names)) < len(self.names):
            raise ValueError("must not use a name twice")
        if "field" in self.names:
            raise ValueError("must not use the name field: it stands for the payload's field")
        self._shape = re.compile(_shape(self._levels), re.DOTALL)

    def match(self, topic: str) -> dict[str, str] | None:
        """Read the labels out of a topic; None if it has another shape."""
        found = self._shape.fullmatch(topic)
        if found is None:
            return None
        return {name: bounded(escaped_levels(text)) for name, text in found.groupdict().items()}

    def as_filter(self) -> str:
        """Return the narrowest MQTT filter for the topics that the template matches."""
        levels = ["+" if level == "_" or "{" in level else level for level in self._levels]
        return "/".join([*levels, "#"] if self._levels[-1].endswith("#}") else levels)


def _shape(levels: list[str]) -> str:
    """Write a template as a regular expression for topics."""
    shape = "/".join(map(_level_shape, levels))
    if levels[-1] == "#":  # `a/#` matches `a` too
        return shape.removesuffix("#").removesuffix("/") + ("(?:/.*)?" if len(levels) > 1 else ".*")
    return shape


def _level_shape(level: str) -> str:
    if level in {"_", "#"}:
        return {"_": "[^/]*", "#": "#"}[level]
    if whole := _NAME.fullmatch(level):
        return f"(?P<{whole[1]}>{'.*' if whole[2] else '[^/]*'})"
    literals = [re.escape(text) for text in _NAME.sub("\0", level).split("\0")]
    names = [f"(?P<{found[1]}>[^/]+?)" for found in _NAME.finditer(level)]
    return "".join(part for pair in zip(literals, [*names, ""], strict=True) for part in pair)


def _check_level(level: str, *, last: bool) -> None:
    literal = _NAME.sub("", level)
    if level != "#" and set(literal) & set("{}#+"):
        raise ValueError(
            f"must have literals, _, {{name}}, text with {{name}} in it or a final # as levels, not {level!r}"
        )
    if level.endswith(("#", "#}")) and not last:
        raise ValueError("must have # only at the end")
    if "#}" in level and not _NAME.fullmatch(level):
        raise ValueError(f"must have a name with # alone in its level, not {level!r}")
    if "}{" in level or len(_NAME.findall(level)) > _MAX_NAMES:
        raise ValueError(f"must have text between two names of a level, and at most {_MAX_NAMES}")


class Placeholder(NamedTuple):
    """One `{name}` of a sensor template."""

    name: str
    levels: bool
    """`{name#}`: slashes in it separate levels."""


class SensorTemplate:
    """Puts a sensor id together: `{site}/{sensor}`.

    | name | is |
    |---|---|
    | one of the topic template | that part of the topic |
    | `topic` | the whole topic |
    | `field` | the name of the value, with `fields: per_sensor` |
    | `key` | the key, or the place in a list, of the entry that `each` is at |
    | any other | the payload's value there: `{id}`, `{tags.host}` |

    Raises:
        ValueError: the text is not a template; the message is fit for a configuration error.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = [
            Placeholder(part.removesuffix("#"), levels=part.endswith("#")) if at % 2 else part
            for at, part in enumerate(_PLACEHOLDER.split(text))
        ]
        self.names = tuple(dict.fromkeys(part.name for part in self._parts if isinstance(part, Placeholder)))
        if not self.names:
            raise ValueError("must name at least one label, as in {sensor}")
        if not all(name.strip() == name != "" for name in self.names):
            raise ValueError(
                "must have a name or a path in each of its braces, as in {sensor} or {tags.host}"
            )
        literal = "".join(part for part in self._parts if isinstance(part, str))
        if not re.fullmatch(r"[A-Za-z0-9_./-]*", literal):
            raise ValueError("must have only letters, digits, _ . - and / beside its names")

    def is_ambiguous(self, long: Collection[str]) -> bool:
        """Tell whether different names may give the same id: `{a}-{b}` does not say where the first one ends.

        Args:
            long: names that may have several levels, besides `topic` and those with #.
        """
        placeholders = [part for part in self._parts if isinstance(part, Placeholder)]
        several = [one for one in placeholders if one.levels or one.name == "topic" or one.name in long]
        return len(several) > 1 or not all("/" in str(text) for text in self._parts[2:-2:2])

    def render(self, labels: Mapping[str, str], named: Mapping[str, str] | None = None) -> str:
        """Put an id together.

        Args:
            labels: of the topic, written as ids are.
            named: by the payload, as it came.

        Raises:
            KeyError: a label is missing.
            RejectedPayload: `topic`, the id is empty.
        """
        named = named or {}
        parts = [part if isinstance(part, str) else _written(part, labels, named) for part in self._parts]
        sensor = bounded("".join(parts))
        if not sensor.strip("/"):
            raise RejectedPayload("topic", "the sensor id is empty")
        return sensor


def _written(part: Placeholder, labels: Mapping[str, str], named: Mapping[str, str]) -> str:
    if part.name not in named:
        return labels[part.name]
    return escaped_levels(named[part.name]) if part.levels else escaped(named[part.name])
