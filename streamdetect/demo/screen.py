"""The terminal while the demo runs: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections import Counter, deque
from math import isnan
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streamdetect.demo.plant import LEARNING
from streamdetect.demo.summary import clock
from streamdetect.top.cells import BAR, bar

if TYPE_CHECKING:
    from typing import Self

    from rich.console import Console, RenderableType

    from streamdetect.demo.running import Demo
    from streamdetect.demo.sensors import Sensor

_NEWS = 6  # latest happenings shown
_AROUND = 9  # lines of a screen that are neither sensors nor happenings
_WIDE = 100  # columns from which there is room for the injected fault
_REFRESH = 4  # a second


class LiveScreen:
    """A table that is redrawn in place; a context manager."""

    def __init__(self, demo: Demo, console: Console) -> None:
        self._demo = demo
        self._console = console
        self._news: deque[Text] = deque(maxlen=_NEWS)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=_REFRESH)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, text: str, style: str) -> None:
        """Show an event of the plant or the daemon."""
        self._news.append(Text(f"{clock(self._demo.feed.time)}  {text}", style, no_wrap=True))

    def _render(self) -> RenderableType:
        room = self._console.size.height - _AROUND
        news = list(self._news)[-min(_NEWS, max(room // 4, 2)) :]
        fit = max(room - len(news), 1)
        hidden = len(self._demo.plant.sensors) - fit
        return Group(_header(self._demo), self._table(fit), _hidden(hidden), *news)

    def _table(self, room: int) -> Table:
        wide = self._console.size.width >= _WIDE
        table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
        table.add_column("sensor", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, width=5)
        for title in ("error", "threshold", "score"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("", width=BAR)
        table.add_column("state", no_wrap=True, min_width=8)
        if wide:
            table.add_column("incidents", justify="right", no_wrap=True)
            table.add_column("injected", no_wrap=True, min_width=11)
        for row in self._rows(room):
            table.add_row(*row[: len(table.columns)])
        return table

    def _rows(self, room: int) -> list[list[RenderableType]]:
        demo, columns = self._demo, self._demo.columns()
        places = {sensor: place for place, sensor in enumerate(columns.ids)}
        counts = Counter(incident.sensor for incident in demo.incidents())
        faults = {one.sensor: one.fault.kind.name for one in demo.plant.under_way}
        sensors = [sensor for sensor in demo.plant.sensors if sensor.name in places]
        loud = {sensor.name for sensor in sensors if columns.incident_open[places[sensor.name]]}
        rows: list[list[RenderableType]] = []
        for sensor in _fitting(sensors, room, loud | set(faults)):
            at, name = places[sensor.name], sensor.name
            error, threshold = columns.error[at], columns.threshold[at]
            score = float(columns.score[at])
            value = f"{columns.value[at, 0]:.{sensor.quantity.decimals}f}"
            cells = [value, sensor.quantity.unit, _number(error), _number(threshold), _number(score)]
            state = Text("anomaly", "bold red") if name in loud else Text("normal", "green")
            if demo.is_learning and name not in loud:
                state = Text("learning", "dim")
            fault = Text(faults.get(name, ""), "magenta")
            rows.append([name, *cells, bar(score), state, str(counts[name] or ""), fault])
        return rows


class PlainScreen:
    """A line for each thing that happens; a context manager."""

    def __init__(self, demo: Demo, console: Console) -> None:
        self._demo = demo
        self._console = console
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._console.print(_header(self._demo), soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: no resource is open."""

    def tell(self, text: str, style: str) -> None:
        """Show an event of the plant or the daemon."""
        since = time.monotonic() - self._began
        self._console.print(Text(f"{since:5.1f} s  {text}", style), soft_wrap=True)


def _header(demo: Demo) -> Text:
    sensors, published = len(demo.plant.sensors), demo.feed.published
    clocks = f"plant time {clock(demo.feed.time)} at {demo.feed.pace.speed:g}x"
    lines = [
        Text.assemble(
            ("streamdetect demo", "bold"), f"  {sensors} sensors, {published:,} readings, {clocks}"
        ),
        Text.assemble("events   ", (f"mosquitto_sub -p {demo.port} -t 'streamdetect/#' -v", "cyan")),
        Text.assemble("metrics  ", (demo.metrics_url, "cyan")),
        *([Text.assemble("page     ", (demo.page_url, "cyan"))] if demo.page_url else []),
        Text.assemble("faults   ", _progress(demo), ("   Ctrl-C ends it", "dim")),
        Text(),
    ]
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _progress(demo: Demo) -> str:
    if demo.is_learning:
        return f"none yet; learning what is normal, {demo.plant.steps / LEARNING:.0%}"
    outcome = demo.outcome()
    return f"{outcome}" + (f", {len(outcome.pending)} under way" if outcome.pending else "")


def _fitting(sensors: list[Sensor], room: int, first: set[str]) -> list[Sensor]:
    """Return as many sensors as there is room for, in their order; those in `first` before others."""
    chosen = sorted(sensors, key=lambda sensor: sensor.name not in first)[:room]
    return [sensor for sensor in sensors if sensor in chosen]


def _hidden(count: int) -> Text:
    return Text(f"{count} more sensors, with nothing going on" if count > 0 else "", "dim", no_wrap=True)


def _number(number: float) -> str:
    """Write three decimals; nothing for NaN, which is not known yet."""
    return "" if isnan(number) else f"{number:.3f}"
