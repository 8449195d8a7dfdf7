"""The table of a daemon's sensors, in a terminal of any size."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streamdetect.logs import printable
from streamdetect.top import cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from streamdetect.store.history import Incident
    from streamdetect.top.sensors import Sensor, Snapshot

_WIDE = 100  # columns from which there is room for the detector, the bar and the view
_HEAD = 3  # lines before the table; the last is empty
_TITLES = ("sensor", "value", "usually", "score", "state")
_WIDE_TITLES = ("sensor", "value", "usually", "score", "", "view", "detector", "state")
_LEAST_NAME = 12  # columns
_MOST_DETECTOR = 16
_FOOT = 3  # lines: two about hidden sensors, and an empty one before the incidents
_NEWS = 6  # incidents at most


class Shown(NamedTuple):
    """The content of the screen."""

    url: str
    snapshot: Snapshot
    rate: float | None  # readings a second; None = not known yet
    incidents: Sequence[Incident]  # recent ones, the newest last
    units: Mapping[str, str]  # of the values, by detector
    now: float  # Unix seconds
    trouble: str = ""  # why this is out of date


def render(shown: Shown, width: int, height: int | None) -> RenderableType:
    """Draw it in `height` lines; in as many as it needs if that is None."""
    news = list(shown.incidents)[-(_NEWS if height is None else min(_NEWS, max(height // 5, 1))) :]
    sensors = shown.snapshot.sensors
    room = len(sensors) if height is None else max(height - _HEAD - _FOOT - len(news) - 2, 1)
    lines = [
        *_head(shown),
        Text(),
        _table(shown, sensors[:room], width),
        *_hidden(sensors[room:], shown.snapshot.hidden),
        *([Text()] if news else ()),
        *map(_incident, news),
    ]
    return Group(*map(_cropped, lines))


def _head(shown: Shown) -> list[Text]:
    snapshot = shown.snapshot
    clock = datetime.fromtimestamp(shown.now).astimezone().strftime("%H:%M:%S")
    first = Text.assemble(("streamdetect top", "bold"), f"  {shown.url}  {clock}")
    if shown.trouble:
        return [first, Text(printable(shown.trouble), "bold red")]
    broker = ("broker connected", "green") if snapshot.connected else ("broker not connected", "bold red")
    first.append("  ").append(*broker)
    rate = "" if shown.rate is None else f"{shown.rate:,.1f} readings/s  "
    states = ", ".join(f"{count:,} {state}" for state, count in snapshot.counts().items())
    rejected = (f"  {snapshot.rejected:,.0f} rejected", "yellow") if snapshot.rejected else ""
    known = len(snapshot.sensors) + snapshot.hidden
    return [first, Text.assemble(f"{rate}{known:,} sensors: {states}", rejected)]


def _table(shown: Shown, sensors: Sequence[Sensor], width: int) -> Table:
    wide = width >= _WIDE
    gap = 2 if wide else 1
    rows = [_row(sensor, shown.units.get(sensor.detector, ""), wide=wide) for sensor in sensors]
    others = [max(map(cell_len, column)) + gap for column in zip(*(row.others for row in rows), strict=True)]
    room = max(width - sum(others) - (cells.BAR + gap if wide else 0), _LEAST_NAME)
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for title in _WIDE_TITLES if wide else _TITLES:
        right = title in {"value", "score"}
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row.cells(_tail(row.name, room)))
    return table


class _Row(NamedTuple):
    """A line of the table."""

    name: str
    others: tuple[str, ...]  # in the order of the columns, the state last
    state: Text
    bar: RenderableType | None

    def cells(self, name: str) -> list[RenderableType]:
        """All cells, with a name that fits."""
        value, band, score, *more, _ = self.others
        bar = [self.bar] if self.bar else []
        return [name, value, band, score, *bar, *more, self.state]


def _row(sensor: Sensor, unit: str, *, wide: bool) -> _Row:
    state = cells.state(sensor)
    view = sensor.view if sensor.score > 0 else ""
    more = (view, printable(sensor.detector)[:_MOST_DETECTOR]) if wide else ()
    return _Row(
        printable(sensor.id),
        (cells.value(sensor, unit), cells.band(sensor), cells.score(sensor), *more, state),
        Text(state, cells.STYLES[sensor.state]),
        cells.bar(sensor.score) if wide else None,
    )


def _tail(name: str, room: int) -> str:
    """Return the end of a name that is too long: names often begin alike."""
    return name if len(name) < room else "\N{HORIZONTAL ELLIPSIS}" + name[len(name) - room + 2 :]


def _hidden(below: Sequence[Sensor], without_series: int) -> list[Text]:
    """Return lines about the sensors that are not in the table."""
    lines = []
    if below:
        states = Counter(sensor.state for sensor in below)
        which = ", ".join(f"{count:,} {state}" for state, count in states.items())
        lines.append(Text(f"below these lines: {which}", "dim"))
    if without_series:
        lines.append(Text(f"{without_series:,} more have no series: metrics.max_sensors", "dim"))
    return lines


def _incident(incident: Incident) -> Text:
    at = datetime.fromtimestamp(incident.started).astimezone().strftime("%m-%d %H:%M")
    style = {"critical": "red", "warning": "yellow"}[incident.severity] if incident.open else "dim"
    return Text(f"{at}  {'open' if incident.open else 'over'}  {printable(incident.message)}", style)


def _cropped(line: RenderableType) -> RenderableType:
    if isinstance(line, Text):
        line.no_wrap, line.overflow = True, "ellipsis"
    return line
