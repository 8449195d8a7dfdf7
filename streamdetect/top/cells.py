"""The cells of the table of sensors."""

from __future__ import annotations

from math import isfinite, isnan
from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar

from streamdetect.sinks.message import Facts, decimals_of, duration, number

if TYPE_CHECKING:
    from streamdetect.top.sensors import Sensor

BAR = 10
"""Columns."""
STYLES = {"anomalous": "bold red", "silent": "bold magenta", "warming up": "dim", "normal": "green"}


def bar(score: float) -> ProgressBar:
    """Draw a bar that is full at a score of 2, and red above 1; empty while the score is NaN."""
    completed = 0.0 if isnan(score) else min(max(score, 0.0), 2.0)
    style = "red" if score > 1 else "green"
    return ProgressBar(2.0, completed, width=BAR, complete_style=style, finished_style=style)


def value(sensor: Sensor, unit: str) -> str:
    """Write the value with its unit, and with the feature's name if the sensor has several."""
    if isnan(sensor.value):
        return ""
    written = f"{sensor.feature} {number(sensor.value, _decimals(sensor))} {unit}"
    return written.strip()


def band(sensor: Sensor) -> str:
    """Write the band of usual values; empty while it is not known."""
    decimals = _decimals(sensor)
    lower, upper = (number(one, decimals) for one in (sensor.lower, sensor.upper))
    if isfinite(sensor.lower) and isfinite(sensor.upper):
        return f"{lower} to {upper}"
    if isfinite(sensor.upper):
        return f"at most {upper}"
    return f"at least {lower}" if isfinite(sensor.lower) else ""


def score(sensor: Sensor) -> str:
    """Write the score with two decimals; from 100 on with none."""
    if isnan(sensor.score):
        return ""
    return f"{sensor.score:.2f}" if sensor.score < 100 else f"{sensor.score:.0f}"  # noqa: PLR2004 - three digits


def state(sensor: Sensor) -> str:
    """Write the state, and how long the warm-up still takes."""
    if sensor.state != "warming up":
        return sensor.state
    if isnan(sensor.warmup_seconds):
        return f"warming up, {sensor.warmup_readings:.0f} readings"
    return f"warming up, {duration(sensor.warmup_seconds)}"


def _decimals(sensor: Sensor) -> int:
    expected, lower, upper = (
        one if isfinite(one) else None for one in (sensor.expected, sensor.lower, sensor.upper)
    )
    values = {sensor.feature: sensor.value} if isfinite(sensor.value) else {}
    return decimals_of(Facts("", sensor.id, values, 0.0, 0.0, expected=expected, lower=lower, upper=upper))
