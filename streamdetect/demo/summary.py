"""The summary at the end of the demo."""

from __future__ import annotations

from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from streamdetect.demo.outcome import Outcome
    from streamdetect.demo.plant import Injection


def tabulate(outcome: Outcome) -> Table:
    """List every fault with its outcome, then every false alarm."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("injected", "sensor", "at", "outcome"):
        table.add_column(title, no_wrap=title != "outcome")
    rows = [(one, *_found(one, outcome)) for one in outcome.found]
    rows += [(one, _missed(one, outcome), "red") for one in outcome.missed]
    rows += [(one, "cut short, not counted", "dim") for one in outcome.pending]
    for one, text, style in sorted(rows, key=lambda row: row[0].started):
        table.add_row(one.fault.kind.name, one.sensor, clock(one.started), text, style=style)
    for incident in outcome.false:
        text = f"false, score {incident.score:.1f}"
        table.add_row("-", incident.sensor, clock(incident.started), text, style="yellow")
    return table


def _found(one: Injection, outcome: Outcome) -> tuple[str, str]:
    after, cover = span(outcome.found[one].opened - one.started), outcome.cover[one]
    lasted = "" if isnan(cover) else f", open for {cover:.0%} of it"
    return f"found after {after}{lasted}, score {one.peak:.1f}", ""


def _missed(one: Injection, outcome: Outcome) -> str:
    if one in outcome.late:
        return "late: an incident opened when it was over"
    if one.peak > 1:
        return f"missed, score {one.peak:.2f} but not for long enough"
    return f"missed, score {one.peak:.2f} at most"


def span(seconds: float) -> str:
    """Write a time of the plant as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def clock(time: float) -> str:
    """Write a moment of the plant in local time."""
    return datetime.fromtimestamp(time).astimezone().strftime("%H:%M:%S")
