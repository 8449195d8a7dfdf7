"""The rhythm of a recording: the time between readings, and the readings in a period of its pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.training.series import Series

    Floats = NDArray[np.float64]

_LEAST_CYCLES = 3  # that a recording must hold for its period to be believed
_LEAST_PERIOD = 4  # readings
_LEAST_CORRELATION = 0.3
_NEARLY = 0.9  # of the highest peak: the first peak this high is the period, later ones are its multiples
_WIDE = 1.2  # times the lag of that peak, within which noise may have put others before the top


class Rhythm(NamedTuple):
    """The time scales of a recording."""

    interval: float | None  # seconds between readings; None without times
    period: float | None  # readings in a period of the pattern; None without one


UNKNOWN = Rhythm(None, None)


def rhythm_of(series: Sequence[Series]) -> Rhythm:
    """Return the median of the series' median intervals, and that of all sensors' and features' periods."""
    intervals = [
        float(np.median(np.diff(one.times))) for one in series if one.times is not None and len(one.times) > 1
    ]
    periods = [each for one in series for column in one.values.T if (each := period_of(column))]
    return Rhythm(_median(intervals), _median(periods))


def period_of(values: Floats) -> int | None:
    """Return the period of evenly spaced readings (N,): the first high peak of their autocorrelation.

    The autocorrelation is made by way of the Fourier transform (Wiener-Khinchin), of the values less their
    line of best fit, and of every lag over as many products as it has. Peaks are looked for only behind its
    first zero, before which it is merely smooth.
    """
    longest = len(values) // _LEAST_CYCLES
    if longest < _LEAST_PERIOD:
        return None
    correlation = _autocorrelation(values)[: longest + 1]
    (below,) = (correlation < 0).nonzero()
    if not len(below):
        return None
    first = max(int(below[0]), _LEAST_PERIOD)
    inner = correlation[first:]
    if len(inner) < _LEAST_CYCLES:  # a peak has two neighbours
        return None
    (peaks,) = ((inner[1:-1] >= inner[:-2]) & (inner[1:-1] > inner[2:])).nonzero()
    if not len(peaks) or inner[peaks + 1].max() < _LEAST_CORRELATION:
        return None
    heights = inner[peaks + 1]
    early = first + 1 + int(peaks[np.argmax(heights >= _NEARLY * heights.max())])
    return early + int(np.argmax(correlation[early : int(_WIDE * early) + 1]))


def _autocorrelation(values: Floats) -> Floats:
    """Autocorrelate values (N,) into (N,), 1 at lag 0; all 0 for values that do not move."""
    count = len(values)
    at = np.arange(count) - (count - 1) / 2
    rest = values - values.mean()
    rest = rest - (at @ rest) / (at @ at) * at
    power = np.abs(np.fft.rfft(rest, 2 * count)) ** 2
    products = np.fft.irfft(power)[:count] / np.arange(count, 0, -1)
    rounding = count * np.finfo(np.float64).eps * np.abs(values).max()  # what is left of a straight line
    if products[0] <= rounding**2:
        return np.zeros(count)
    made: Floats = products / products[0]
    return made


def _median(numbers: Sequence[float]) -> float | None:
    """Return the median of those above 0."""
    positive = [number for number in numbers if number > 0]
    return float(np.median(positive)) if positive else None
