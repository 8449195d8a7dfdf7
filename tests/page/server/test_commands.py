"""A change on the page becomes a command like all others, and is answered once it has taken effect."""

from __future__ import annotations

import pytest

from streamdetect.store.history import HISTORY, answers, read


@pytest.fixture
def judged(one, until):
    """Two sensors; one has an incident."""
    one.publish("a", *[20] * 10)
    one.publish("b", *[20] * 20, *[100] * 5)
    until(lambda: one.get("incidents").json["total"], "an incident")
    return one


def sensor(one, name="sensors/b"):
    return one.get("sensor", detector="hall", sensor=name).json


def test_a_sensor_is_muted_and_unmuted(judged):
    done = judged.post("mute", {"detector": "hall", "sensor": "sensors/b", "seconds": 3600})
    assert done.status == 200
    assert done.json["until"] == sensor(judged)["muted_until"]
    found = sensor(judged)
    assert (found["muted"], found["muted_by"], found["mute"]) == (True, "muted by page", "sensors/b")
    assert [one["sensor"] for one in judged.get("sensors", state="muted").json["sensors"]] == ["sensors/b"]
    assert list(judged.daemon._answers.mutes) == ["sensors/b"]
    assert judged.post("unmute", {"glob": found["mute"]}).status == 200
    assert sensor(judged)["muted"] is False
    assert judged.daemon._answers.mutes == {}


def test_a_pattern_is_muted_without_end(judged):
    assert judged.post("mute", {"glob": "sensors/*", "seconds": None}).json["until"] is None
    assert judged.get("sensors").json["counts"]["muted"] == 2
    assert sensor(judged)["muted_until"] is None


def test_a_sensor_is_itself_and_no_pattern(one, until):
    one.publish("x*", 20)
    until(lambda: one.get("sensors").json["total"], "a sensor")
    (found,) = one.get("sensors").json["sensors"]
    assert one.post("mute", {"sensor": found["sensor"], "seconds": 60}).status == 200
    assert sensor(one, found["sensor"])["muted"] is True


def test_what_is_not_muted_cannot_be_unmuted(judged):
    done = judged.post("unmute", {"sensor": "sensors/b"})
    assert (done.status, done.json["detail"]) == (409, "sensors/b is not muted")


def test_a_sensor_is_made_less_sensitive(judged):
    assert judged.post("sensitivity", {"sensor": "sensors/b", "sensitivity": 0.5}).json["sensors"] == 1
    assert sensor(judged)["sensitivity"] == 0.5


def test_a_false_alarm_ends_the_incident_and_is_remembered(judged, tmp_path):
    (incident,) = judged.get("incidents").json["incidents"]
    assert judged.post(f"incidents/{incident['id']}/feedback", {"answer": "false"}).status == 200
    found = judged.get(f"incidents/{incident['id']}").json
    assert (found["label"], found["open"], found["reason"]) == ("false", False, "accepted")
    assert [(one["do"], one["by"]) for one in found["answers"]] == [("false", "page")]
    assert sensor(judged)["state"] != "anomalous"
    (kept,) = read(tmp_path / HISTORY, since=0.0)
    assert kept.label == "false"
    assert [one.data["do"] for one in answers(tmp_path / HISTORY, since=0.0)] == ["false"]


@pytest.mark.parametrize(
    ("path", "given", "status", "detail"),
    [
        ("mute", {}, 422, "must have sensor or glob"),
        ("mute", {"sensor": "a", "glob": "b"}, 422, "must have sensor or glob"),
        ("mute", {"sensor": "a", "seconds": -1}, 422, "command.for: "),
        ("mute", {"sensor": "a", "seconds": "soon"}, 422, "command.for: "),
        ("mute", {"sensor": 7}, 422, "command.sensor: "),
        ("mute", {"sensor": "x" * 300}, 422, "command.sensor: "),
        ("mute", {"sensor": "a", "odd": 1}, 422, "odd: unknown, known are detector, glob, seconds, sensor"),
        ("mute", [], 422, "must be a JSON object"),
        ("mute", {"sensor": "no", "detector": "hall"}, 404, "there is no sensor no of detector hall"),
        ("sensitivity", {"sensor": "no", "sensitivity": 2}, 404, "there is no sensor no"),
        ("sensitivity", {"sensor": "sensors/b", "sensitivity": 0}, 422, "command.value: "),
        ("sensitivity", {"sensor": "sensors/b"}, 422, "command.value: "),
        (f"incidents/{'0' * 32}/feedback", {"answer": "true"}, 404, "there is no incident 000"),
        ("incidents/odd/feedback", {"answer": "true"}, 422, "command.incident: "),
        ("incidents/odd/feedback", {"answer": True}, 422, 'answer: must be "true" or "false"'),
        ("mute", {"sensor": "a", "glob": "y" * 5000}, 413, "must have at most 4096 bytes"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(judged, path, given, status, detail):
    done = judged.post(path, given)
    assert (done.status, done.json["detail"][: len(detail)]) == (status, detail)


def test_a_body_has_to_be_json(one):
    csrf = {"X_CSRF_Token": one.get("session").json["csrf"]}
    path = "/api/v1/mute"
    assert one.ask("POST", path, b"sensor=a", Content_Type="text/plain", **csrf).status == 415
    assert one.ask("POST", path, b"{", Content_Type="application/json", **csrf).status == 400


def test_too_many_commands_at_a_time_are_turned_away(one, monkeypatch):
    monkeypatch.setattr("streamdetect.service.answers._MOST_ASKED", 0)
    done = one.post("mute", {"sensor": "a"})
    assert (done.status, done.headers["retry-after"]) == (503, "1")


def test_a_command_that_waits_for_the_disk_is_said_to_wait(one, monkeypatch):
    monkeypatch.setattr("streamdetect.page.commands._WAIT", 0.2)
    monkeypatch.setattr(one.daemon._committer, "commit", lambda: False)
    done = one.post("mute", {"sensor": "a"})
    monkeypatch.undo()
    assert done.status == 504
    assert "it will be, once the state can be saved" in done.json["detail"]
