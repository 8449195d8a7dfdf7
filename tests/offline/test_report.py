"""The report: what is in the file, that data stays in its place there, and what a browser makes of it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from streamdetect.offline import report
from streamdetect.offline.backtest import backtest, summarise
from streamdetect.offline.report.points import kept
from streamdetect.offline.report.tables import duration

graph_objects = pytest.importorskip("plotly.graph_objects", reason="the extra plot is not installed")

HOSTILE = (
    "pümp </script><script>document.title='taken'</script> \"'"
    "<img src=x onerror=document.title='taken'> &amp; %{x} $title"
)


class Page(HTMLParser):
    """The parts of the file for a reader: elements with attributes, text by table row, and scripts."""

    VOID = ("meta", "br", "img")

    def __init__(self, path):
        super().__init__()
        self.elements, self.open, self.scripts, self.rows = [], [], [], []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "tr":
            self.rows.append((dict(attrs), []))
        if tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif "tr" in self.open:
            self.rows[-1][1][-1] += data
        else:
            self.text += data

    @property
    def figures(self):
        return {attrs["id"]: json.loads(text) for attrs, text in self.scripts if "id" in attrs}


def numbers(column):
    return np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"])


def trace(figure, name, axis=None):
    (found,) = (one for one in figure["data"] if one["name"] == name and axis in (None, one.get("yaxis")))
    return found


@pytest.fixture
def write(tmp_path):
    def write(results, **more):
        path = tmp_path / "new" / "report.html"
        summaries = [summarise(result) for result in results]
        settings = {"threshold": {"kind": "rolling", "sigma": "2.0"}}
        size = report.write(path, results, summaries, settings, **({"metric": "mae"} | more))
        assert path.stat().st_size == size
        return path

    return write


FAULTS = ("fault-1-1", "fault-1-2", "fault-2-1")


def test_contents(make_detector, spiked, make_recording, write):
    other = make_recording(np.ones(50), sensor="other", labels=np.arange(50) >= 45)
    results = backtest(make_detector(), [spiked, other])
    path = write(results, title="Backtest of week.csv", about="Bundle general.")
    page = Page(path)
    for said in ("Backtest of week.csv", "Bundle general.", "kind", "rolling", "sigma", "2.0"):
        assert said in page.text
    assert "300 readings, 10 anomalous, 3 incidents." in page.text
    rows = [cells for _, cells in page.rows]
    assert rows[0][:4] == ["sensor", "readings", "windows", "anomalous"]
    assert [row[0] for row in rows[1:4]] == ["pump", "other", "2 sensors"]
    places = {attrs["id"]: (attrs, cells) for attrs, cells in page.rows if "id" in attrs}
    assert list(places) == ["incident-1-1", "incident-1-2", "incident-1-3", *FAULTS]
    attrs, cells = places["incident-1-1"]
    assert cells[:4] == ["pump", "1", "2023-11-14 22:15:00", "3 s"]
    assert cells[-1] == "a known fault"
    assert attrs["data-chart"] == "chart-1"
    assert float(attrs["data-from"]) < 1.7e12 + 100_000 < float(attrs["data-to"])
    assert places["fault-1-1"][1] == ["pump", "2023-11-14 22:15:00", "0 s", "found", "0 s", "-"]
    assert places["fault-2-1"][1] == ["other", "2023-11-14 22:14:05", "4 s", "missed", "-", "-"]


def test_every_link_and_every_chart_has_its_place(make_detector, spiked, write):
    page = Page(write(backtest(make_detector(), [spiked, replace(spiked, sensor="b", name="b")])))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert len(links) == 2 + 6 + 4
    assert {link[1:] for link in links} <= set(ids)
    charts = [attrs["id"] for tag, attrs in page.elements if "chart" in attrs.get("class", "").split()]
    assert charts == ["chart-1", "spread-1", "chart-2", "spread-2"]
    assert [f"{chart}-data" for chart in charts] == list(page.figures)
    assert {attrs["data-chart"] for _, attrs in page.elements if "data-chart" in attrs} <= set(charts)


def test_nothing_is_fetched_and_no_other_script_runs(make_detector, spiked, write):
    page = Page(write(backtest(make_detector(), [spiked])))
    for tag, attrs in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed")
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    (policy,) = (attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    run = [text for attrs, text in page.scripts if "type" not in attrs]
    assert len(run) == policy.count("'sha256-") == 2
    assert "unsafe" not in policy.split("style-src")[0]


@pytest.mark.parametrize("features", [1, 3, 9])
def test_figures_are_what_plotly_takes(make_detector, make_recording, write, features):
    values = np.random.default_rng(0).normal(0, 0.1, (400, features))
    values[200, -1] += 20
    names = tuple("abcdefghi"[:features])
    results = backtest(make_detector(features=features), [make_recording(values, features=names)])
    figures = Page(write(results)).figures
    for figure in figures.values():
        graph_objects.Figure(figure)  # raises on an unknown property
    chart = figures["chart-1-data"]
    axes = [axis for name, axis in chart["layout"].items() if name.startswith("yaxis")]
    titles = [axis["title"]["text"] for axis in axes if "title" in axis]
    assert titles[-1] == "reconstruction error (MAE)"
    assert len(titles) == min(features, 6) + 1
    assert names[-1] in titles
    axis = chart["layout"]["xaxis"]
    assert (axis["type"], axis["title"]["text"]) == ("date", "time in UTC")
    np.testing.assert_array_equal(numbers(trace(chart, names[-1])["y"]), values[:, -1])
    due = results[0].windows
    np.testing.assert_allclose(numbers(trace(chart, "error")["y"]), results[0].errors[due], rtol=1e-6)
    np.testing.assert_allclose(numbers(trace(chart, "threshold")["y"]), results[0].thresholds[due], rtol=1e-6)
    scores = numbers(trace(chart, "error")["customdata"])
    np.testing.assert_array_equal(scores > 1, results[0].anomalous[due])
    counted = [
        numbers(one["customdata"]).sum() for one in figures["spread-1-data"]["data"] if "customdata" in one
    ]
    assert sum(counted) == np.count_nonzero(due)


def test_a_recording_without_a_clock(make_detector, make_recording, write):
    (result,) = backtest(make_detector(), [make_recording(np.ones(8000), times=np.arange(8000.0))])
    figure = Page(write([result])).figures["chart-1-data"]
    axis = figure["layout"]["xaxis"]
    assert (axis["type"], axis["title"]["text"]) == ("linear", "time since the start (h)")
    assert numbers(trace(figure, "error")["x"]).max() == pytest.approx(7999 / 3600)


@pytest.fixture(scope="module")
def long(make_detector, make_recording):
    """200,000 readings with a gap, single spikes, and a long stretch that is anomalous."""
    random = np.random.default_rng(0)
    values = random.normal(0, 0.1, 200_000)
    values[[50_000, 77_777, 123_456]] += 9
    values[150_000:150_600] = random.normal(0, 5, 600)
    times = 1.6e9 + np.arange(200_000.0) + 50_000 * (np.arange(200_000) >= 100_000)
    (result,) = backtest(make_detector(), [make_recording(values, times=times)])
    return result


def test_a_long_recording_keeps_what_matters(long, write):
    path = write([long])
    page = Page(path)
    chart = page.figures["chart-1-data"]
    drawn = numbers(trace(chart, "f0")["y"])
    assert len(drawn) < 20_000
    assert path.stat().st_size < 8e6
    assert f"{len(drawn) - 1:,} readings are drawn" in page.text
    assert "each of 1,000 spans" in page.text
    for extreme in (long.recording.values[[50_000, 77_777, 123_456]], long.recording.values.min()):
        assert np.isin(extreme, drawn).all()
    marked = trace(chart, "anomalous", "y2")
    np.testing.assert_array_equal(numbers(marked["x"]), long.times[long.anomalous] * 1000)
    np.testing.assert_array_equal(numbers(marked["y"]), long.errors[long.anomalous])
    assert len(numbers(trace(chart, "anomalous", "y")["x"])) == long.anomalous.sum()
    assert len(numbers(trace(chart, "incident")["x"])) == 5 * len(long.incidents)
    for name in ("f0", "error"):
        x, y = numbers(trace(chart, name)["x"]), numbers(trace(chart, name)["y"])
        (gap,) = np.flatnonzero(np.isnan(y))
        assert x[gap] == x[gap + 1] == long.recording.times[100_000] * 1000
        assert x[gap - 1] == long.recording.times[99_999] * 1000
        assert (np.diff(x) >= 0).all()


def test_kept_readings(long):
    rows = kept(long, [0])
    assert (np.diff(rows) > 0).all()
    for span in np.array_split(np.arange(200_000), 1000):
        values = long.recording.values[span, 0]
        assert {span[0] + values.argmin(), span[0] + values.argmax()} <= set(
            rows[(rows >= span[0]) & (rows <= span[-1])]
        )
    for incident in long.incidents[:3]:
        first = np.searchsorted(long.recording.times, incident.started)
        assert np.isin(np.arange(first - 4, first + 4), rows).all()


def test_strided_windows_are_one_line(make_detector, make_recording, write):
    detector = make_detector()
    detector = type(detector)(replace(detector.settings, stride=7), detector.reconstruct)
    (result,) = backtest(detector, [make_recording(np.random.default_rng(0).normal(size=5000))])
    error = trace(Page(write([result])).figures["chart-1-data"], "error")
    assert np.isfinite(numbers(error["y"])).all()


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5])
def test_hardly_any_readings(make_detector, make_recording, write, length):
    recordings = [make_recording(np.ones(length)), make_recording(np.ones(9), sensor="other")]
    page = Page(write(backtest(make_detector(level=None), recordings)))
    assert ("spread-1-data" in page.figures) == (length > 3)
    for figure in page.figures.values():
        graph_objects.Figure(figure)
    assert ["none"] in [cells for _, cells in page.rows]


def hostile(make_detector, make_recording):
    values = np.random.default_rng(0).normal(0, 0.1, 300)
    values[200] += 9
    recording = make_recording(values, features=(HOSTILE,), labels=np.arange(300) > 290)
    return backtest(make_detector(), [replace(recording, name=HOSTILE)])


def test_what_comes_from_data_stays_text(make_detector, make_recording, write):
    results = hostile(make_detector, make_recording)
    path = write(results, title=HOSTILE, about=HOSTILE)
    page = Page(path)
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert len(page.scripts) == 4
    assert page.text.count(HOSTILE) == 4  # the title, the page's heading and the sensor's, what it is about
    assert {cells[0] for attrs, cells in page.rows if "id" in attrs} == {HOSTILE}
    assert "</script><script>document" not in path.read_text(encoding="utf-8")
    shown = page.figures["chart-1-data"]["layout"]["yaxis"]["title"]["text"]
    assert shown.startswith("pümp &lt;/script&gt;&lt;script&gt;")


def test_durations():
    said = [duration(seconds) for seconds in (0, 0.25, 45, 60, 3599.6, 3600, 86_400, 100_000, 1e8)]
    assert said == ["0 s", "0.25 s", "45 s", "1 min", "60 min", "1 h", "1 d", "1 d 4 h", "1157 d 10 h"]


def test_without_plotly_it_is_said_what_to_install():
    code = """
        import sys
        sys.modules["plotly"] = None
        from streamdetect.cli import main
        sys.exit(main(["backtest", "no.csv", "--report", "a.html"]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "streamdetect: the report needs plotly: pip install 'streamdetect[plot]'"


def test_plotly_is_not_imported_until_a_report_is_written():
    code = "import sys; import streamdetect.offline.report; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture
def browse(tmp_path):
    """Open a page in a real browser; gives the page as it is after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium or google-chrome on PATH")

    def browse(path, place="", width=1200):
        command = [
            *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},6000"),
            *(
                "--virtual-time-budget=20000",
                "--enable-logging=stderr",
                "--dump-dom",
                f"{path.as_uri()}{place}",
            ),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout

    return browse


def test_a_browser_draws_it(make_detector, spiked, make_recording, write, browse):
    results = backtest(make_detector(), [spiked, make_recording(np.full(80, 3.0), sensor="flat")])
    page = browse(write(results))
    assert page.count('class="main-svg"') >= 4
    assert len(re.findall(r'<path class="point"', page)) == 2 * results[0].anomalous.sum()
    for text in ("reconstruction error (MAE)", "time in UTC", "incident", "known anomaly", "threshold"):
        assert text in page
    assert 'data-title="Zoom in"' in page
    assert 'data-title="Share' not in page  # it would upload the chart
    assert 'class="shown"' not in page


def test_a_row_leads_to_its_place_in_the_chart(make_detector, spiked, write, browse):
    path = write(backtest(make_detector(), [spiked]))
    whole, part = browse(path), browse(path, "#incident-1-1", width=500)
    assert "22:18" in ticks(whole)
    assert "22:18" not in ticks(part)
    assert "22:15" in ticks(part)
    assert re.search(r'<tr id="incident-1-1"[^>]* class="shown">', part)


def ticks(page):
    return " ".join(re.findall(r'class="xtick".*?<text[^>]*>(.*?)</text>', page, re.DOTALL))


def test_in_a_browser_data_stays_text(make_detector, make_recording, write, browse):
    page = browse(write(hostile(make_detector, make_recording), title="Plain"))
    assert "<title>Plain</title>" in page
    assert "<img" not in page
    assert "pümp &lt;/script&gt;" in page
