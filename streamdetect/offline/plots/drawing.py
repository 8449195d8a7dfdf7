"""Shared by all pictures: colours, time axes, lines that stay quick however long the recording."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import StreamdetectError
from streamdetect.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Okabe and Ito's colours, told apart by the colour-blind, and darkest where the eye should go first.
LINE, LIMIT, MARK, SHADE, KNOWN = "#333333", "#0072B2", "#D55E00", "#E69F00", "#56B4E9"

_POINTS = 6000  # of a line: about four for each pixel column; a million readings draw as fast as six thousand
_LOG_FROM = 30.0  # the top of the scale over the usual error: past it, a linear axis shows only the peak
_REAL_TIME = 1e8  # Unix seconds; a recording that starts earlier has no clock, only steps
_ELAPSED = ((2 * DAY, DAY, "days"), (2 * HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min"), (0.0, 1.0, "s"))


class Clock:
    """Unix seconds to what an axis shows: dates, or the time elapsed when the recording has no clock."""

    def __init__(self, times: NDArray[np.float64]) -> None:
        self.start = float(times.min()) if len(times) else 0.0
        self.span = float(np.ptp(times)) if len(times) else 0.0
        self.real = self.start >= _REAL_TIME
        self.unit, self.name = next((unit, name) for least, unit, name in _ELAPSED if self.span >= least)

    def __call__(self, times: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Turn Unix seconds into the axis's unit."""
        seconds = np.asarray(times, dtype=np.float64)
        return seconds / DAY if self.real else seconds / self.unit  # matplotlib's dates are days

    def label(self, axis: Axes) -> None:
        """Name the time axis, and give it dates if they are real."""
        if not self.real:
            axis.set_xlabel(f"time since the start ({self.name})")
            return
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - an extra

        locator = AutoDateLocator(minticks=5, maxticks=11)  # type: ignore[no-untyped-call]  # untyped there
        formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]  # untyped there
        # A bare "15" does not say that it is a day, or a second.
        formatter.formats[2], formatter.zero_formats[2:4] = "%b %d", ["%b", "%b %d"]
        formatter.formats[5] = "%H:%M:%S.%f"
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(formatter)
        first, last = (datetime.fromtimestamp(time, UTC) for time in (self.start, self.start + self.span))
        if first.date() == last.date():
            axis.set_xlabel(f"{first:%Y-%m-%d}, time in UTC")
        else:
            axis.set_xlabel(f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, time in UTC")


def line(
    axis: Axes,
    clock: Clock,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    label: str,
    color: str = LINE,
    linewidth: float = 0.9,
) -> None:
    """Draw a line, broken at gaps."""
    x, y = thinned(*broken(times, values), _POINTS)
    axis.plot(clock(x), y, color=color, linewidth=linewidth, label=label, zorder=2)


def dots(axis: Axes, clock: Clock, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Mark anomalous points."""
    x, y = thinned(times, values, _POINTS)
    axis.plot(clock(x), y, ".", color=MARK, markersize=4, label="anomalous", zorder=3, linestyle="none")


def band(
    axis: Axes,
    clock: Clock,
    times: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> None:
    """Shade the usual range; there is no shade where a side is not known."""
    # The band does not change within a block of readings, so that evenly spaced ones show all of it.
    kept = np.unique(np.linspace(0, len(times) - 1, min(len(times), _POINTS)).astype(np.intp))
    axis.fill_between(
        clock(times[kept]),
        lower[kept],
        upper[kept],
        color=LIMIT,
        alpha=0.15,
        linewidth=0,
        label="usual",
        zorder=1,
    )


def gaps(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the readings that follow a gap in (N,) times which is wide enough to be seen."""
    if len(times) <= 1:
        return np.empty(0, np.intp)
    steps = np.diff(times)
    return np.flatnonzero((steps > 20 * np.median(steps)) & (steps > 0.01 * np.ptp(times))) + 1


def broken(
    times: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put a NaN into every gap, so that no line is drawn across it."""
    after = gaps(times)
    return np.insert(times, after, times[after]), np.insert(values, after, np.nan)


def thinned(
    times: NDArray[np.float64], values: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the `extremes` and the NaNs."""
    kept = extremes(values, most)
    return times[kept], values[kept]


def extremes(values: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Return the lowest and highest of each of `most` / 2 runs of values (N,), and NaNs: no spike is lost.

    Returns:
        Their places, in order.
    """
    if len(values) <= most:
        return np.arange(len(values))
    starts = np.linspace(0, len(values), most // 2, endpoint=False).astype(np.intp)
    bins = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    order = np.lexsort((values, bins))  # NaN sorts last within its run
    finite = np.bincount(bins, weights=~np.isnan(values), minlength=len(starts)).astype(np.intp)
    lowest = order[starts]
    highest = order[np.maximum(starts + finite - 1, starts)]
    return np.unique(np.concatenate([lowest, highest, np.flatnonzero(np.isnan(values))]))


def error_label(metric: str) -> str:
    """Return the label of an axis of errors."""
    return f"reconstruction error ({'last step' if metric == 'last' else metric.upper()})"


def moment(time: float) -> str:
    """Write a time in Unix seconds for a caption, to the second."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}" if time >= _REAL_TIME else f"{time:g} s"


def log_from(values: NDArray[np.float64]) -> float | None:
    """Return the start of a logarithmic scale of these values; None when a linear one shows them well."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive) or positive.max() <= _LOG_FROM * np.median(positive):
        return None
    # A window rebuilt exactly must not stretch the scale by decades.
    return float(max(positive.min(), np.quantile(positive, 0.01) / 3))


def log_if_wide(axis: Axes, values: NDArray[np.float64]) -> None:
    """Make the value axis logarithmic where a linear one would show only its peak."""
    lowest = log_from(values)
    if lowest is not None:
        axis.set_yscale("log")
        axis.set_ylim(bottom=lowest)


def histogram_edges(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Return the edges of a histogram's bins, and whether they are evenly spaced on a logarithmic scale."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.array([0.0, 1.0]), False
    bins = min(80, max(10, int(np.sqrt(len(values)))))
    lowest = log_from(values)
    if lowest is None:
        return np.histogram_bin_edges(values, bins), False
    # The first bin also takes in values below the scale.
    return np.geomspace(lowest, values.max() * (1 + 1e-9), bins + 1), True


def check_installed() -> None:
    """Check that matplotlib is installed, before a long backtest rather than after it.

    Raises:
        StreamdetectError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise StreamdetectError("pictures need matplotlib: pip install 'streamdetect[plot]'") from error


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure; sizes in inches.

    Raises:
        StreamdetectError: matplotlib is not installed.
    """
    check_installed()
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import

    return Figure(figsize=(width, height), layout="constrained")


def legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Put one legend for all axes below them; a line without a point is left out."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - an extra

    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        if not isinstance(handle, Line2D) or np.size(handle.get_xdata())
    }
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
    )


def save(figure: Figure, path: Path) -> Figure:
    """Write the PNG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return figure
