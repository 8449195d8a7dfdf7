"""Every error that streamdetect raises on purpose.

StreamdetectError
├── ConfigError        the configuration breaks rules; every broken rule is in `problems`
├── BundleError        a bundle is missing, damaged, unsafe or does not fit
├── DataError          a recording cannot be read as asked
├── StateError         the saved state cannot be used
└── RejectedPayload    one message cannot become a reading; counted by `reason`, never fatal

Anything else that escapes is a bug, and ends the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class StreamdetectError(Exception):
    """Root of the errors that streamdetect raises on purpose."""


class Problem(NamedTuple):
    """One broken rule of a configuration."""

    path: str
    rule: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}" + (f", got {self.value}" if self.value else "")


class ConfigError(StreamdetectError):
    """The configuration breaks rules; `problems` lists them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class BundleError(StreamdetectError):
    """A bundle is missing, damaged, unsafe or does not fit."""


class DataError(StreamdetectError):
    """A recording cannot be read as asked."""


class StateError(StreamdetectError):
    """The saved state cannot be used."""


class RejectedPayload(StreamdetectError):  # noqa: N818 - an expected outcome, not a failure of the program
    """One message cannot become a reading.

    `reason` is the short word that `streamdetect_rejected_total{reason}` counts under.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")
