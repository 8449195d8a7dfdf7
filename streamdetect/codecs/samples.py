"""What a codec gives: samples, or a rejection that names its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

REASONS: Final = {
    "decode": "the payload is not what its format says: malformed, truncated, not UTF-8, nested too deep",
    "empty": "the payload is empty, or an empty list",
    "size": "the payload is longer than max_payload",
    "field": "a value or the time is not where the configuration says",
    "type": "a value is there and is not a number",
    "nonfinite": "a value is NaN, infinite, or larger than a float32 can hold",
    "time": "the time cannot be read in the configured format",
    "future": "the time is further ahead of the arrival than max_future",
    "series": "one payload holds lines of several series",
    "topic": "no sensor id can be made from the topic",
}
"""Every reason under which a codec or the router rejects a message, and what it means."""


Sample = tuple[str, float, tuple[float, ...]]
"""One reading of a sensor that its topic names: (field, time, values).

field: which of the topic's sensors it is; empty unless each value is a sensor of its own.
time: Unix seconds.
values: F numbers, none larger than a float32 can hold; NaN = missing, where that is allowed.

A NamedTuple would take five times as long to make.
"""

ReadOne = Callable[[bytes, float], tuple[float, float] | None]
"""(payload, arrival) to (time, value), for a payload with one value and nothing wrong; None for any other."""


class Codec(Protocol):
    """Turns the payload of one message into samples."""

    @property
    def features(self) -> int:
        """Numbers in each sample's `values`."""
        ...

    @property
    def read_one(self) -> ReadOne | None:
        """A short way for the usual payload, which gives what `decode` gives; None where there is none."""
        ...

    def decode(self, payload: bytes, arrival: float) -> Sequence[Sample]:
        """Read at least one sample; `arrival` is Unix seconds.

        A payload is taken whole or not at all: one bad value rejects every sample beside it.

        Raises:
            RejectedPayload: with one of `REASONS`.
        """
        ...
