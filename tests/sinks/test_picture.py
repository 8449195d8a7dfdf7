"""A small picture goes along with what people are told, and nobody waits for it."""

from __future__ import annotations

import base64
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread

from streamdetect.config import NotifyConfig
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.readings import Readings
from streamdetect.core.scaling import Scaling
from streamdetect.errors import StreamdetectError
from streamdetect.service.daemon import equip
from streamdetect.sinks import picture
from streamdetect.sinks.notify import Notify
from streamdetect.sinks.trail import BUDGET, EVERY, LATEST, LEAST_SHARE, SPARSE, STRETCH, Trail
from streamdetect.store.around import Around

STARTED = 1714564800.0  # of the events that `event` makes


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    """A busy machine draws slowly."""
    monkeypatch.setattr(picture, "_TIMEOUT", 300.0)


def judged(sensors, times, values):
    """The verdicts of these readings of a fresh detector."""
    values = np.asarray(values, dtype=float).reshape(len(times), -1)
    detector = Detector(DetectorSettings(1, values.shape[1], Scaling("none")), np.zeros_like)
    return detector.process(Readings(list(sensors), np.asarray(times, dtype=float), values))


def trail_of(count, sensor="hall/a", features=1) -> Trail:
    """One that has seen so many readings of a minute, up to a few minutes after the incident began."""
    trail = Trail()
    times = STARTED + 60.0 * (np.arange(count) - count + 10)
    values = np.sin(np.arange(count * features)).reshape(count, features)
    trail.observe([("default", judged([sensor] * count, times, values))])
    return trail


@pytest.mark.parametrize("sizes", [[1], [7, 400], [5000]])
def test_the_latest_readings_are_kept_and_every_tenth_of_those_before(sizes):
    count = 3 * LATEST + EVERY * SPARSE
    verdicts = judged(np.where(np.arange(count) % 3, "a", "b"), 1e9 + np.arange(count), np.arange(count))
    trail, start = Trail(), 0
    while start < count:
        part = slice(start, start + sizes[start % len(sizes)])
        trail.observe([("d", cut(verdicts, part))])
        start = part.stop
    own = np.flatnonzero(np.arange(count) % 3)
    around = trail.around("d", "a")
    assert around.values[-LATEST:, 0].tolist() == own[-LATEST:].tolist()
    older = around.values[:-LATEST, 0]
    assert np.isin(older, own[::EVERY]).all()
    assert np.diff(older[-20:]).tolist() == pytest.approx([1.5 * EVERY] * 19)
    assert (np.diff(around.times) > 0).all()
    assert trail.around("d", "c") is None
    assert trail.around("e", "a") is None


def cut(verdicts, part):
    class Part:
        sensors = verdicts.sensors[part]
        times, values = verdicts.times[part], verdicts.values[part]
        lower, upper, scores = verdicts.lower[part], verdicts.upper[part], verdicts.scores[part]

        def __len__(self) -> int:
            return len(self.times)

    return Part()


def test_more_sensors_have_shorter_rings_until_there_is_no_room_for_more():
    trail, row = Trail(), (LATEST + SPARSE) * 8 * 3
    few, many = BUDGET // row, LEAST_SHARE * STRETCH * BUDGET // row + 1
    sensors = [f"s{at}" for at in range(many)]
    for second in range(LATEST + 5):
        some = sensors[: few if second else many]
        trail.observe([("d", judged(some, np.full(len(some), 1e9 + second), np.full(len(some), second)))])
    around = trail.around("d", "s0")
    assert around.values[:, 0].tolist()[-3:] == [LATEST + 2, LATEST + 3, LATEST + 4]
    assert (np.diff(around.times) > 0).all()
    assert len(around.times) < LATEST / 4
    assert trail.around("d", sensors[10 * few]).values.tolist() == [[0.0]]
    assert trail.around("d", sensors[-1]) is None


def test_rings_that_become_shorter_keep_the_latest():
    trail = Trail()
    first = np.arange(300.0)
    trail.observe([("d", judged(["a"] * 300, 1e9 + first, first))])
    long = trail.around("d", "a").values[:, 0]
    others = [f"s{at}" for at in range(400)]
    trail.observe([("d", judged(others, np.full(400, 1e9), np.ones(400)))])
    short = trail.around("d", "a").values[:, 0]
    assert short[-LATEST // 2 :].tolist() == long[-LATEST // 2 :].tolist()
    assert np.isin(short, long).all()
    trail.observe([("d", judged(["a"], np.array([1e9 + 300]), [300.0]))])
    assert trail.around("d", "a").values[-1, 0] == 300


def test_another_bundle_has_other_features():
    trail = trail_of(20)
    trail.observe([("default", judged(["hall/a"], [2e9], [[1.0, 2.0]]))])
    assert trail.around("default", "hall/a").values.tolist() == [[1.0, 2.0]]


def test_a_picture_is_drawn_of_what_is_around(event):
    data = event(peak={"value": 9.0, "time": "2024-05-01T12:01:00Z"}).facts["data"]
    asked = picture.request(data, trail_of(300).around("default", "hall/a"))
    drawn, again = picture.draw([asked, asked])
    assert drawn == again
    pixels = imread(io.BytesIO(drawn))
    assert pixels.shape[:2] == (336, 720)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    assert len(drawn) < 100_000


def test_what_is_asked_for_is_the_feature_that_the_event_is_about(event):
    values = {"x": 1.0, "y": 2.0}
    data = event(value=values, feature="y", unit={"x": "bar", "y": "°C"}).facts["data"]
    around = trail_of(200, features=2).around("default", "hall/a")
    asked = json.loads(picture.request(data, around))
    assert (asked["title"], asked["unit"]) == ("hall/a y", "°C")
    assert asked["values"] == pytest.approx(around.values[-len(asked["values"]) :, 1].tolist(), rel=1e-6)
    assert asked["times"][0] == pytest.approx(STARTED - 3600, abs=60)


def test_too_few_readings_are_no_picture(event):
    single = np.ones((1, 1), dtype=np.float32)
    around = Around(np.array([STARTED]), single, single, single, single[0])
    assert picture.request(event().facts["data"], around) is None


def notify(receiver, trail, **more) -> Notify:
    url = f"json://127.0.0.1:{receiver.port}/"
    one = Notify("phone", NotifyConfig.model_validate({"name": "phone", "url": url} | more))
    one.trail = trail
    return one


def test_it_is_attached(receiver, outbox, settle, event):
    settle(outbox(notify(receiver, trail_of(300))), event())
    (attached,) = json.loads(receiver.taken[0].body)["attachments"]
    assert (attached["filename"], attached["mimetype"]) == ("incident-1.png", "image/png")
    assert base64.b64decode(attached["base64"]).startswith(b"\x89PNG")


def test_without_a_picture_people_are_told_all_the_same(receiver, outbox, settle, event, monkeypatch, caplog):
    def fails(_):
        raise StreamdetectError("no picture: No module named 'matplotlib'")

    monkeypatch.setattr(picture, "draw", fails)
    one = outbox(notify(receiver, trail_of(300)))
    for number in range(4):
        settle(one, event(number))
    assert [json.loads(one.body)["attachments"] for one in receiver.taken] == [[]] * 4
    assert caplog.text.count("phone sends no picture: no picture: No module named 'matplotlib'") == 2
    assert caplog.text.count("phone sends no picture any more: no picture: ") == 1


def test_a_service_that_takes_no_picture_takes_the_words(receiver, outbox, settle, event):
    receiver.answers.append((413, {}))
    settle(outbox(notify(receiver, trail_of(300))), event())
    with_it, without = (json.loads(one.body)["attachments"] for one in receiver.requests)
    assert (len(with_it), without) == (1, [])


def test_a_daemon_keeps_readings_only_for_those_who_want_pictures(receiver):
    lineup = SimpleNamespace(config=SimpleNamespace(inhibit=()))
    without, wanting = notify(receiver, None, picture=False), notify(receiver, None)
    assert equip([without], lineup) is None
    trail = equip([without, wanting], lineup)
    assert trail is not None
    assert wanting.trail is trail


def test_what_cannot_be_drawn_is_an_error_and_no_end():
    with pytest.raises(StreamdetectError, match="no picture: "):
        picture.draw([b"{}"])
