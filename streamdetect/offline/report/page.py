"""The page itself: a template filled with tables, charts and the scripts that draw them."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, NamedTuple

from streamdetect import __version__
from streamdetect.errors import StreamdetectError
from streamdetect.offline.report import tables
from streamdetect.offline.report.histogram import histogram
from streamdetect.offline.report.points import SPANS
from streamdetect.offline.report.series import series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.backtest.summary import Summary
    from streamdetect.offline.report.series import Chart
    from streamdetect.offline.report.traces import Figure


class Page(NamedTuple):
    """The content of a page; tables and sections are HTML, all other fields are text."""

    title: str
    about: str  # a sentence
    tables: str
    settings: Mapping[str, Mapping[str, str]]  # names and values, by group
    sections: str


_COUNTING = (
    "A known fault is found only by an incident that is open while it lasts; one that opens after its end is "
    "late, and false. Cover: the share of a lasting fault during which an incident was open. Again: the "
    "faults found among those that came after a found fault of the same sensor."
)
_THINNING = (
    "In long recordings, lines are drawn through the lowest and the highest reading of each of "
    f"{SPANS:,} spans, and through every reading near an incident. Every anomalous reading is marked."
)


def check_installed() -> None:
    """Check that plotly is installed, before a long backtest rather than after it.

    Raises:
        StreamdetectError: plotly is not installed.
    """
    try:
        import plotly  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise StreamdetectError("the report needs plotly: pip install 'streamdetect[plot]'") from error


def write(
    path: Path,
    results: Sequence[SensorResult],
    summaries: Sequence[Summary],
    settings: Mapping[str, Mapping[str, str]],
    *,
    metric: str,
    title: str = "Backtest",
    about: str = "",
) -> int:
    """Write the report, making its folder.

    Args:
        path: Of the HTML file.
        results: Of each sensor.
        summaries: Of the same sensors, in the same order.
        settings: Names and values to show, by group.
        metric: The reconstruction error: mae, mse or last.
        title: Of the page.
        about: The data and the detector, in a sentence.

    Returns:
        Its size in bytes.

    Raises:
        StreamdetectError: plotly is not installed.
        OSError: It cannot be written.
    """
    charts = [series(result, metric) for result in results]
    labelled = any(summary.evaluation is not None for summary in summaries)
    thinned = any(chart.drawn < chart.readings for chart in charts)
    parts = [
        tables.summary(summaries),
        note(_COUNTING) if labelled else "",
        tables.incidents(results),
        tables.faults(results),
        note(f"Each row links to its place in the chart. {_THINNING if thinned else ''}"),
    ]
    sections = [
        _section(number, result, chart, metric)
        for number, (result, chart) in enumerate(zip(results, charts, strict=True), 1)
    ]
    return write_page(path, Page(title, about, "\n".join(parts), settings, "\n".join(sections)))


def write_page(path: Path, page: Page) -> int:
    """Write a page with everything that its charts need, making its folder.

    Returns:
        Its size in bytes.

    Raises:
        StreamdetectError: plotly is not installed.
        OSError: It cannot be written.
    """
    check_installed()
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - an extra, and slow to import

    library, script = get_plotlyjs(), _part("page.js")
    text = Template(_part("page.html")).substitute(
        policy=_policy(library, script),
        version=escape(__version__),
        title=escape(page.title),
        made=f"Made on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by streamdetect {escape(__version__)}.",
        about=escape(page.about),
        style=_part("page.css"),
        tables=page.tables,
        facts=tables.facts(page.settings),
        sections=page.sections,
        library=library,
        script=script,
    )
    content = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return len(content)


def note(text: str) -> str:
    """A line of explanation."""
    return f'<p class="note">{escape(text)}</p>'


def _section(number: int, result: SensorResult, drawn: Chart, metric: str) -> str:
    recording = result.recording
    counts = (
        f"{len(recording):,} readings, {int(result.anomalous.sum()):,} anomalous, "
        f"{len(result.incidents):,} incident{'s' * (len(result.incidents) != 1)}"
    )
    if drawn.drawn < drawn.readings:
        counts += f"; {drawn.drawn:,} readings are drawn"
    spread = (
        chart(f"spread-{number}", histogram(result, metric), "chart spread") if result.windows.any() else ""
    )
    return (
        f'<section id="sensor-{number}">\n<h2>{escape(recording.name)}</h2>\n<p>{counts}.</p>\n'
        f"{chart(f'chart-{number}', drawn.figure, 'chart')}\n{spread}\n</section>"
    )


def chart(identity: str, figure: Figure, kind: str) -> str:
    """A chart's place and its data; in a script element, only `<` can end the data."""
    data = json.dumps(figure, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    height = figure["layout"]["height"]
    return (
        f'<div class="{kind}" id="{identity}" style="min-height:{height}px"></div>\n'
        f'<script type="application/json" id="{identity}-data">{data}</script>'
    )


def _policy(*scripts: str) -> str:
    """Return the policy of the page: its own scripts run, no other does, and nothing is fetched."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _part(name: str) -> str:
    return resources.files("streamdetect.offline.report").joinpath(name).read_text(encoding="utf-8")
