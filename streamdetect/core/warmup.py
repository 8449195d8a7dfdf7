"""Warm-up: the time in which too little is known of a sensor to leave out any of its readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .moments import Counts, Floats


class Warmup(NamedTuple):
    """The length of the warm-up, in which all of a sensor's readings are learnt, whatever happens."""

    least: int
    readings: int
    seconds: float

    def lasts(self, seen: Counts, begun: Floats, times: Floats) -> NDArray[np.bool_]:
        """Tell which of the next readings (U, L), at these Unix seconds, are within the warm-up.

        Args:
            seen: (U,) readings so far.
            begun: (U,) Unix seconds of the first of them; NaN = there was none.
            times: (U, L).
        """
        count = seen[:, None] + np.arange(times.shape[1])
        few: NDArray[np.bool_] = count < max(self.least, self.readings)
        if not np.count_nonzero(few):
            return few
        young = np.isnan(begun)[:, None] | (times - begun[:, None] < self.seconds)
        return (count < self.least) | (count < self.readings) & young
