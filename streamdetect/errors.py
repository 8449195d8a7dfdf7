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
    from collections.abc import Callable, Sequence


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
    """One message, or a part of it, cannot become a reading.

    Attributes:
        reason: the short word that `streamdetect_rejected_total{reason}` counts under.
        detail: the fault.
        path: the configured path that led nowhere; empty if the fault is another.
        foreign: true if this never was meant as a reading: it has none of the configured values. Under a
            topic filter with wildcards such messages are ignored.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        path: str = "",
        there: Callable[[], str] | None = None,
        foreign: bool = False,
    ) -> None:
        """Describe the fault.

        Args:
            reason: see above.
            detail: see above.
            path: see above.
            there: describes what was found instead; called only when somebody wants to know.
            foreign: see above.
        """
        self.reason, self.path, self.foreign = reason, path, foreign
        self._detail, self._there = detail, there
        super().__init__(reason, detail)

    @property
    def there(self) -> str:
        """A description of what was found instead of the path; empty where that means nothing."""
        return self._there() if self._there else ""

    @property
    def detail(self) -> str:
        """The fault, and what was found instead."""
        there = self.there
        return f"{self._detail}; there is {there}" if there else self._detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
