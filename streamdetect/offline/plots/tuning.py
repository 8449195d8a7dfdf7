"""The false alarms and found faults of each sensitivity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.offline.plots.drawing import KNOWN, LIMIT, LINE, MARK, new_figure, save

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from streamdetect.offline.tuning import Tuning


def tuning_curve(tuning: Tuning, most: float, path: Path) -> Figure:
    """Draw false alarms a week by sensitivity, on both parts of the time, and the share of faults found."""
    figure = new_figure(7, 4.2)
    axis = figure.subplots()
    steps = [point.sensitivity for point in tuning.points]
    for name, colour, style in (("chosen_on", LINE, "-"), ("held_out", LIMIT, "--")):
        rates = [getattr(point, name).false_per_week for point in tuning.points]
        label = {"chosen_on": "where it was chosen", "held_out": "held out"}[name]
        axis.plot(steps, rates, style, color=colour, marker=".", label=f"false alarms, {label}")
    axis.axhline(most, color=MARK, lw=1, label=f"limit: {most:g} a week")
    if tuning.chosen:
        axis.axvline(tuning.chosen.sensitivity, color=MARK, lw=1, ls=":", label="chosen")
    axis.set_xscale("log", base=2)
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(bottom=0)
    axis.set(xlabel="sensitivity", ylabel="false alarms a week, all sensors")
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    if any(point.held_out.faults for point in tuning.points):
        share = [point.held_out.found / max(point.held_out.faults, 1) for point in tuning.points]
        right = axis.twinx()
        right.plot(steps, share, color=KNOWN, marker=".", label="faults found, held out")
        right.set(ylabel="share of the held-out faults found", ylim=(0, 1.02))
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return save(figure, path)
