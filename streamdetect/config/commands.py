"""Commands that people send to the command topic: {"do": "mute", "sensor": "freezer*", "for": "2h"}."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from streamdetect.config.problems import path_of, rule_of, shown
from streamdetect.config.quantities import Span
from streamdetect.config.section import Section
from streamdetect.errors import ConfigError, Problem

_TEXT = Annotated[str, Field(max_length=256)]
_RULES: Final = {
    "extra_forbidden": "is not a field of this command",
    "json_invalid": "must be JSON ({error})",
    "missing": "is missing",
    "dict_type": "must be an object",
    "model_attributes_type": "must be an object",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
}
"""Rules that only commands can break, by the type of pydantic's error."""


def _incident(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise ValueError("must be the id of an incident, 32 hexadecimal digits")
    return text


class _Command(Section):
    """The fields of all commands."""

    by: _TEXT = ""
    """The person who sends the command."""
    request: _TEXT = ""
    """An identifier that comes back in the answer."""


class MuteCommand(_Command):
    """Send no notification about these sensors."""

    do: Literal["mute"]
    """Mute."""
    sensor: Annotated[str, Field(min_length=1, max_length=256)]
    """Sensor, or a pattern with * and ?."""
    lasts: Annotated[Span | None, Field(alias="for")] = None
    """For how long; without it until it is unmuted."""


class UnmuteCommand(_Command):
    """Tell people about these sensors again."""

    do: Literal["unmute"]
    """Unmute."""
    sensor: Annotated[str, Field(min_length=1, max_length=256)]
    """As it was muted."""


class JudgeCommand(_Command):
    """Say whether an incident was real."""

    do: Literal["false", "true"]
    """False alarm, or a real one."""
    incident: Annotated[str, AfterValidator(_incident)]
    """The incident's id."""


class SensitivityCommand(_Command):
    """Set how sensitive to be."""

    do: Literal["sensitivity"]
    """Be more or less sensitive."""
    sensor: Annotated[str, Field(min_length=1, max_length=256)]
    """Sensor, or a pattern with * and ?."""
    value: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    """The factor of scores: 1 as configured, 0.5 for half as sensitive."""


Command = MuteCommand | UnmuteCommand | JudgeCommand | SensitivityCommand
_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])


def command(payload: bytes) -> Command:
    """Read a command.

    Raises:
        ConfigError: it is not a command.
    """
    try:
        return _COMMAND.validate_json(payload)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        raise ConfigError([_problem(first)]) from None


def _problem(found: ErrorDetails) -> Problem:
    """Make the problem, with a path without the name of the command: that is not a field."""
    kind, facts = found["type"], found.get("ctx", {})
    if kind.startswith("union_tag"):
        tag = facts.get("tag")
        return Problem("command.do", _RULES[kind].format(**facts), "" if tag is None else f"{tag!r:.60}")
    rule = _RULES[kind].format(**facts) if kind in _RULES else rule_of(found)
    value = "" if kind in {"json_invalid", "missing", "extra_forbidden"} else shown((), found["input"])
    return Problem(path_of(("command", *found["loc"][1:])), rule, value)
