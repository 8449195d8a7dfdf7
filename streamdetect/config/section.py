"""The base of all sections of the configuration: strictness, and rules that span several options."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKEN_RULES = "broken_rules"
"""The type of the pydantic error that carries `Broken` facts as `broken` in its context."""


class Broken(NamedTuple):
    """A rule across options that is broken."""

    option: str
    """The option to change, a path from the section that states the rule."""
    rule: str
    value: object = None
    """The option's value, if it helps to show it."""
    also: tuple[str, ...] = ()
    """Options that the rule uses besides: when one of them is itself wrong, the rule is skipped."""


class Section(BaseModel):
    """A frozen section: every type exact, every key known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    def broken(self) -> Iterator[Broken]:
        """Find rules across options that are broken."""
        yield from ()

    @model_validator(mode="after")
    def _rules(self) -> Self:
        broken = tuple(self.broken())
        if broken:
            raise PydanticCustomError(BROKEN_RULES, "rules across options do not hold", {"broken": broken})
        return self
