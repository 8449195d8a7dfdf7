"""What people may send to the command topic: {"do": "mute", "sensor": "freezer*", "for": "2h"}."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from streamdetect.config.quantities import Span
from streamdetect.config.section import Section
from streamdetect.errors import ConfigError, Problem

_TEXT = Annotated[str, Field(max_length=256)]


class _Command(Section):
    """What all commands may have."""

    by: _TEXT = ""
    """Who it is."""
    request: _TEXT = ""
    """Comes back in the answer, for whoever waits for it."""


class MuteCommand(_Command):
    """Tell nobody about these sensors."""

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
    """Say whether an incident was one."""

    do: Literal["false", "true"]
    """False alarm, or a real one."""
    incident: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """The incident's id."""


class SensitivityCommand(_Command):
    """Say how sensitive to be."""

    do: Literal["sensitivity"]
    """Be more or less sensitive."""
    sensor: Annotated[str, Field(min_length=1, max_length=256)]
    """Sensor, or a pattern with * and ?."""
    value: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    """What scores are multiplied by: 1 as configured, 0.5 for half as sensitive."""


Command = MuteCommand | UnmuteCommand | JudgeCommand | SensitivityCommand
_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])


def command(payload: bytes) -> Command:
    """Read a command.

    Raises:
        ConfigError: it is not a command; the error does not quote it.
    """
    try:
        return _COMMAND.validate_json(payload)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        raise ConfigError([Problem(f"command.{where}".removesuffix("."), first["msg"])]) from None
