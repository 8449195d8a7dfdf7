"""The screen, from the first moment on, in terminals of any size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from streamdetect.demo.plant import LEARNING
from streamdetect.demo.screen import LiveScreen, PlainScreen


def drawn(demo, width, height):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    screen = LiveScreen(demo, console)
    for number in range(10):
        screen.tell(f"news {number}", "red")
    console.print(screen._render())
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("steps", [0, 3, 20, LEARNING + 40])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (40, 12), (200, 30)])
def test_it_fits_and_names_sensors_at_every_stage(demo, advance, steps, width, height):
    advance(steps)
    lines = drawn(demo, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    sensors = sum(line.startswith("line-") for line in lines)
    assert sensors >= 1 if steps else not sensors
    if height == 50 and steps:
        assert sensors == 24


def test_a_short_terminal_shows_the_sensors_in_which_something_goes_on(demo, advance):
    advance(LEARNING + 30)
    columns = demo.columns()
    loud = {sensor for sensor, is_open in zip(columns.ids, columns.incident_open, strict=True) if is_open}
    assert loud
    lines = drawn(demo, 120, 20)
    shown = {line.split()[0] for line in lines if line.startswith("line-")}
    assert len(shown) < 24
    assert loud | {one.sensor for one in demo.plant.under_way} <= shown
    assert any("anomaly" in line for line in lines)
    assert f"{24 - len(shown)} more sensors, with nothing going on" in lines


def test_the_latest_news_is_shown(demo):
    text = "\n".join(drawn(demo, 80, 24))
    assert "news 9" in text
    assert "news 1" not in text


def test_learning_is_shown_as_it_proceeds(demo, advance):
    advance(LEARNING // 2)
    text = "\n".join(drawn(demo, 80, 24))
    assert "learning what is normal, 50%" in text
    assert f"mosquitto_sub -p {demo.port}" in text
    assert demo.metrics_url in text


def test_plain_lines_carry_no_control_characters(demo):
    console = Console(file=io.StringIO(), width=80)
    with PlainScreen(demo, console) as screen:
        screen.tell("injected  a spike", "magenta")
    text = console.file.getvalue()
    assert text.isascii()
    assert "\x1b" not in text
    assert text.splitlines()[-1].endswith("s  injected  a spike")
