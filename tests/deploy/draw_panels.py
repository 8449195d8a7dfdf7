"""Pictures of Grafana's panels of a live run: python tests/deploy/draw_panels.py FOLDER.

No Grafana is at hand where this is built; the queries, legends, stacking, limits and value names are the
dashboards' own, the data comes from the same run as the tests'.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib as mpl
from live import Live
from shipped_broker import Broker, free_port
from test_live import DASHBOARDS, filled

mpl.use("Agg")
from matplotlib import pyplot as plt

COLUMNS, ROW = 24, 0.42  # of Grafana's grid; inches a grid row
COLORS = {"green": "#3a3", "orange": "#e80", "red": "#d33", "blue": "#37c"}


def named(series: dict, legend: str) -> str:
    """Fill in a legend; a label that is not there is empty."""
    labels = series["metric"]
    if legend == "__auto":
        return str({label: value for label, value in labels.items() if label != "job"})
    return re.sub(r"{{(\w+)}}", lambda match: labels.get(match[1], ""), legend).strip()


def color(panel: dict, value: float) -> str:
    """The color of the highest step that the value reaches."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS.get(reached[-1], "#888")


def over_time(axes, panel: dict, live: Live) -> None:
    """Lines, stacked areas or bars."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    at = [
        datetime.fromtimestamp(live.started + second, UTC)
        for second in range(int(live.ended - live.started) + 1)
    ]
    base = [0.0] * len(at)
    fixed = {
        override["matcher"]["options"]: COLORS[override["properties"][0]["value"]["fixedColor"]]
        for override in panel["fieldConfig"].get("overrides", [])
    }
    for target in panel["targets"]:
        for series in live.query_range(filled(target["expr"], live)):
            known = {round(moment - live.started): float(value) for moment, value in series["values"]}
            values = [known.get(second, float("nan")) for second in range(len(at))]
            name = named(series, target["legendFormat"])
            paint = {"color": fixed[name]} if name in fixed else {}
            if stacked:
                filled_in = [0.0 if value != value else value for value in values]  # noqa: PLR0124 - NaN
                top = [one + other for one, other in zip(base, filled_in, strict=True)]
                axes.fill_between(at, base, top, label=name, step="mid", alpha=0.7, **paint)
                base = top
            else:
                axes.plot(at, values, label=name, linewidth=1, **paint)
    if "thresholdsStyle" in custom:
        for step in defaults["thresholds"]["steps"][1:]:
            axes.axhline(step["value"], color=COLORS[step["color"]], linestyle="--", linewidth=0.8)
    if defaults.get("min") is not None:
        axes.set_ylim(bottom=defaults["min"])
    axes.legend(fontsize=5, loc="upper left", ncols=3)
    axes.tick_params(labelsize=5)


def states(axes, panel: dict, live: Live) -> None:
    """A row of colored blocks for each query."""
    words = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    for row, target in enumerate(panel["targets"]):
        (series,) = live.query_range(filled(target["expr"], live))
        for moment, value in series["values"]:
            begin = datetime.fromtimestamp(moment, UTC)
            paint = COLORS[words[f"{float(value):g}"]["color"]]
            axes.broken_barh([(begin, timedelta(seconds=1))], (-row - 0.4, 0.8), color=paint)
    axes.set_xlim(*(datetime.fromtimestamp(moment, UTC) for moment in (live.started, live.ended)))
    axes.set_yticks([-row for row in range(len(panel["targets"]))])
    axes.set_yticklabels([target["legendFormat"] for target in panel["targets"]], rotation=90, va="center")
    axes.tick_params(labelsize=5)


def marked(axes, dashboard: dict, live: Live) -> None:
    """Shade the moments of which the dashboard's annotations tell."""
    for annotation in dashboard["annotations"]["list"]:
        for series in live.query_range(filled(annotation["expr"], live)):
            for moment, _ in series["values"]:
                begin = datetime.fromtimestamp(moment, UTC)
                color = annotation["iconColor"]
                axes.axvspan(begin, begin + timedelta(seconds=1), color=color, alpha=0.1, linewidth=0)


def at_once(axes, panel: dict, live: Live) -> None:
    """One number, or a bar for each of the first few."""
    target = panel["targets"][0]
    found = live.query(filled(target["expr"], live))
    axes.set_xticks([])
    if panel["type"] == "stat":
        value = float(found[0]["value"][1])
        mappings = panel["fieldConfig"]["defaults"].get("mappings") or [{"options": {}}]
        word = mappings[0]["options"].get(f"{value:g}")
        axes.set_facecolor(COLORS[word["color"]] if word else color(panel, value))
        axes.text(0.5, 0.5, word["text"] if word else f"{value:.3g}", ha="center", va="center", color="w")
        axes.set_yticks([])
        return
    bars = [(named(series, target["legendFormat"]), float(series["value"][1])) for series in found][::-1]
    axes.barh(range(len(bars)), [v for _, v in bars], color=[color(panel, v) for _, v in bars])
    axes.set_yticks([])
    for place, (name, value) in enumerate(bars):
        axes.text(0, place, f" {name}  {value:.3g}", fontsize=6, va="center")


DRAWN = {"timeseries": over_time, "state-timeline": states}


def draw(path: Path, live: Live, folder: Path) -> Path:
    """Draw one dashboard on its own grid."""
    dashboard = json.loads(path.read_text())
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height += 1  # room for the labels of the last panels
    figure = plt.figure(figsize=(14, height * ROW))
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        left, bottom = place["x"] / COLUMNS + 0.02, 1 - (place["y"] + place["h"]) / height + 0.005
        if panel["type"] == "row":
            figure.text(0.005, bottom, panel["title"], fontsize=9, weight="bold")
            continue
        box = (left, bottom + 0.004, place["w"] / COLUMNS - 0.035, place["h"] / height - 0.03)
        axes = figure.add_axes(box)
        axes.set_title(f"{panel['title']} [{panel['fieldConfig']['defaults'].get('unit', '')}]", fontsize=7)
        DRAWN.get(panel["type"], at_once)(axes, panel, live)
        if panel["type"] == "timeseries":
            marked(axes, dashboard, live)
    picture = folder / f"{path.stem}.png"
    figure.savefig(picture, dpi=110)
    return picture


def main() -> None:
    """Run the plant for a minute and draw."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    deploy = Path(__file__).parents[2] / "deploy"
    with tempfile.TemporaryDirectory() as broker_folder, tempfile.TemporaryDirectory() as live_folder:
        broker = Broker(deploy, Path(broker_folder), free_port(), free_port())
        live = Live(deploy, Path(live_folder), broker)
        try:
            broker.start()
            live.run()
            for path in sorted(DASHBOARDS.glob("*.json")):
                sys.stdout.write(f"{draw(path, live, folder)}\n")
        finally:
            live.stop()
            broker.stop()


if __name__ == "__main__":
    main()
