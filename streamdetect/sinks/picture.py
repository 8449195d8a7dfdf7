"""A small picture of an incident: the readings around it, and the band within which they are usual.

It is drawn in a process of its own, `python -m streamdetect.sinks.picture`, lines of JSON in and of PNG in
base64 out: Matplotlib
takes 60 MB and holds the interpreter for a second, which the daemon must have neither of.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from streamdetect.errors import StreamdetectError
from streamdetect.times import DAY, unix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamdetect.store.around import Around

LEAST_READINGS = 10
"""The least number of readings; a picture of fewer shows nothing."""
BEFORE, LEAST_BEFORE = 3.0, 3600.0
"""A picture begins so many times as long before an incident as that has lasted, or so many seconds."""
_TIMEOUT = 20.0  # s; then the notification goes without a picture
_SIZE = (6.0, 2.8)  # inches
_DPI = 120
_NICENESS = 10
_LINE, _BAND, _MARK, _OPEN = "#222222", "#0072B2", "#D55E00", "#E69F00"  # for the colour-blind, too


def request(data: Mapping[str, Any], around: Around) -> bytes | None:
    """Return the request for an event's picture; None if too little is known.

    Args:
        data: of the event.
        around: the readings of its sensor.
    """
    feature, several = data.get("feature"), isinstance(data["value"], dict)
    at = list(data["value"]).index(feature) if several and feature in data["value"] else 0
    started, ended = unix(data["started"]), data["ended"] and unix(data["ended"])
    until = ended or float(around.times.max(initial=0.0))
    shown = around.times >= started - max(BEFORE * (until - started), LEAST_BEFORE)
    if np.count_nonzero(shown) < LEAST_READINGS:
        return None
    peak = data.get("peak") or {}
    worst = peak.get("value")
    unit = data.get("unit") or ""
    told = {
        "title": f"{data['sensor']} {feature}" if several else data["sensor"],
        "unit": unit.get(feature, "") if isinstance(unit, dict) else unit,
        "times": around.times[shown],
        **{name: getattr(around, name)[shown, at] for name in ("values", "lower", "upper")},
        "started": started,
        "ended": ended,
        "worst": [
            unix(peak["time"]) if peak else None,
            worst.get(feature) if isinstance(worst, dict) else worst,
        ],
    }
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)


def draw(wanted: Sequence[bytes]) -> list[bytes]:
    """Draw the picture of a `request`, as PNG: two seconds for the first, a quarter for each more.

    Raises:
        StreamdetectError: they cannot be drawn.
    """
    command = [sys.executable, "-m", "streamdetect.sinks.picture"]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, input=b"\n".join(wanted), capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StreamdetectError(f"no picture: {type(error).__name__}") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StreamdetectError(f"no picture: {last:.200}")
    return list(map(b64decode, done.stdout.splitlines()))


def _draw(told: Mapping[str, Any]) -> bytes:
    """Draw it in this process."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only in the process that draws
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - likewise
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    zone = datetime.fromtimestamp(told["times"][-1]).astimezone().tzinfo
    times = np.array(told["times"]) / DAY  # as Matplotlib has dates
    values, lower, upper = (np.array(told[name], dtype=np.float64) for name in ("values", "lower", "upper"))
    figure = Figure(_SIZE, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    axis.fill_between(times, lower, upper, color=_BAND, alpha=0.18, linewidth=0, label="usual")
    for edge in (lower, upper):
        axis.plot(times, edge, color=_BAND, linewidth=0.8, alpha=0.6)
    last = told["ended"] / DAY if told["ended"] else times[-1]
    axis.axvspan(told["started"] / DAY, last, color=_OPEN, alpha=0.2, linewidth=0)
    axis.plot(times, values, color=_LINE, linewidth=1.3)
    time, value = told["worst"]
    if time is not None and value is not None:
        axis.plot([time / DAY], [value], "o", color=_MARK, markersize=5)
    axis.set_title(told["title"], loc="left", fontsize=10)
    axis.set_ylabel(told["unit"])
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.01)
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # untyped there
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]  # likewise
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


if __name__ == "__main__":
    os.nice(_NICENESS)
    for line in sys.stdin.buffer.read().splitlines():
        sys.stdout.buffer.write(b64encode(_draw(orjson.loads(line))) + b"\n")
