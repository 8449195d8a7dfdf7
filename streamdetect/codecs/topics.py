"""Topic templates: which levels of a topic name the sensor.

| in a template | matches | gives |
|---|---|---|
| `plant` | that level | |
| `_` | any level | |
| `{site}` | any level | the label `site` |
| `#` at the end | any levels, or none | |
| `{sensor#}` at the end | one or more levels | the label `sensor`, joined with `/` |

`plant/{site}/_/{sensor}` reads `plant/north/line3/temp` as site `north`, sensor `temp`. A leading slash is an
empty first level, in the template as in the topic. Levels that become labels are `[A-Za-z0-9_.-]`: what goes
into events, metrics and logs is never raw input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
MAX_ID: Final = 256
_NAME: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63})(#?)\}")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class TopicTemplate:
    """One template, ready to match.

    Raises:
        ValueError: the text is no template; the message is fit for a configuration error.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._levels = text.split("/")
        self._open = self._levels[-1] == "#" or self._levels[-1].endswith("#}")
        self._names = [_label_name(level) for level in self._levels]
        for index, level in enumerate(self._levels):
            _check_level(level, self._names[index], last=index == len(self._levels) - 1)
        self.names = tuple(name for name in self._names if name)
        if len(set(self.names)) < len(self.names):
            raise ValueError("must not use a name twice")

    def match(self, topic: str) -> dict[str, str] | None:
        """Read the labels out of a topic; None if it has another shape.

        Raises:
            RejectedPayload: `topic`, when the shape fits and a label has characters that no id may have.
        """
        levels = topic.split("/")
        if not self._fits(levels):
            return None
        labels = {}
        for index, name in enumerate(self._names):
            if name:
                joined = self._open and index == len(self._levels) - 1
                labels[name] = "/".join(checked(levels[index:] if joined else levels[index : index + 1]))
        return labels

    def as_filter(self) -> str:
        """Give the narrowest MQTT filter for the topics that the template matches."""
        levels = [
            "+" if name or level == "_" else level
            for level, name in zip(self._levels, self._names, strict=True)
        ]
        return "/".join([*levels, "#"] if self._open and self._names[-1] else levels)

    def _fits(self, levels: list[str]) -> bool:
        fixed = len(self._levels) - (self._levels[-1] == "#")
        if len(levels) < fixed or (len(levels) > fixed and not self._open):
            return False
        pairs = zip(self._levels[:fixed], self._names, levels, strict=False)
        return all(name is not None or level in ("_", found) for level, name, found in pairs)


class SensorTemplate:
    """How a sensor id is put together from labels: `{site}/{sensor}`, and `{field}` for one sensor per field.

    Raises:
        ValueError: the text is no template; the message is fit for a configuration error.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = tuple(_PLACEHOLDER.findall(text))
        literal = _PLACEHOLDER.sub("", text)
        if not self.names:
            raise ValueError("must name at least one label, as in {sensor}")
        if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in self.names):
            raise ValueError("must have names of lower-case letters, digits and _ in its braces")
        if not re.fullmatch(r"[A-Za-z0-9_./-]*", literal):
            raise ValueError("must have only letters, digits, _ . - and / beside its names")

    def render(self, labels: Mapping[str, str]) -> str:
        """Put an id together.

        Raises:
            KeyError: a label is missing.
            RejectedPayload: `topic`, the id is too long or has an empty level.
        """
        sensor = _PLACEHOLDER.sub(lambda found: labels[found[1]], self.text)
        return "/".join(checked(sensor.split("/")))


def checked(levels: list[str]) -> list[str]:
    """Give the levels back when they may be part of an id.

    Raises:
        RejectedPayload: `topic`.
    """
    if sum(map(len, levels)) + len(levels) > MAX_ID + 1:
        raise RejectedPayload("topic", f"an id of more than {MAX_ID} characters")
    for level in levels:
        if not LEVEL.fullmatch(level):
            raise RejectedPayload(
                "topic", f"a level must be 1 to 128 of A-Z a-z 0-9 _ . -, got {level!r:.60}"
            )
    return levels


def _label_name(level: str) -> str | None:
    found = _NAME.fullmatch(level)
    return found[1] if found else None


def _check_level(level: str, name: str | None, *, last: bool) -> None:
    if name is None and level != "#" and set(level) & set("{}#+"):
        raise ValueError(f"must have literals, _, {{name}} or a final # as levels, not {level!r}")
    if level.endswith(("#", "#}")) and not last:
        raise ValueError("must have # only at the end")
    if name == "field":
        raise ValueError("must not use the name field: it stands for the payload's field")
