"""Texts of the configuration that have to pass a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from streamdetect.times import zone

if TYPE_CHECKING:
    from collections.abc import Callable


def checked_by(check: Callable[[str], object]) -> AfterValidator:
    """Make the validator of a text that has to pass a check, which raises ValueError."""

    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


TimeZone = Annotated[str, checked_by(zone)]
"""A time zone like Europe/Berlin."""
