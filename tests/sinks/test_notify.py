"""People are told once, in a sentence, at a time at which they want to be told; by the real Apprise."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from streamdetect.config import NotifyConfig
from streamdetect.errors import ConfigError
from streamdetect.sinks.notify import Notify

NOON = datetime.fromisoformat("2026-11-30T12:00:00+00:00").timestamp()
NIGHT = {"cron": "0 22 * * *", "lasts": "9h", "timezone": "Europe/Berlin"}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notify(receiver, clock, monkeypatch):
    monkeypatch.setattr("streamdetect.sinks.notify._LOOK_AGAIN", 0.001)

    def make(**changes) -> Notify:
        options = {"name": "phone", "url": f"json://127.0.0.1:{receiver.port}/"} | changes
        return Notify("phone", NotifyConfig.model_validate(options), clock)

    return make


@pytest.fixture
def told(receiver, until):
    """Pass events on, and give what arrived by then: title, text and kind of each notification."""

    def tell(one, *events, wait_for=0) -> list[tuple[str, str, str]]:
        one.add(one.queued(events))
        one.drain()
        until(lambda: one.drain() or len(receiver.taken) >= wait_for, "that many notifications")
        bodies = [json.loads(received.body) for received in receiver.taken]
        return [(body["title"], body["message"], body["type"]) for body in bodies]

    return tell


def test_a_sentence_arrives(notify, outbox, told, event):
    assert told(outbox(notify()), event(), wait_for=1) == [("warning: hall/a", "hall/a 1 °C", "warning")]


def test_the_kind_follows_what_happened(notify, outbox, told, event):
    one = outbox(notify())
    told(one, event(1, severity="critical", incident="x"), wait_for=1)
    told(one, event(2, edge="closed", incident="x"), wait_for=2)
    assert [kind for *_, kind in told(one, event(3, edge="changed"), wait_for=3)] == [
        "failure",
        "success",
        "info",
    ]


def test_templates(notify, outbox, told, event):
    one = outbox(notify(title="{detector}/{kind}: {edge}", body="{value} {unit} [{labels}] {{!}}"))
    assert told(one, event(kind="drift"), wait_for=1)[0][:2] == (
        "default/drift: opened",
        "21.5 °C [site=north] {!}",
    )


def test_only_what_was_chosen(notify, outbox, told, event):
    chosen = {"detectors": ["def*"], "sensors": ["hall/*"], "labels": {"site": "n*"}, "severity": "critical"}
    one = outbox(notify(**chosen))
    critical = {"severity": "critical"}
    wrong = [
        event(1, **critical, detector="other"),
        event(2, **critical, sensor="cellar/a"),
        event(3, **critical, labels={"site": "south"}),
        event(4, **critical, labels={}),
        event(5),
        event(6, **critical, muted=True),
    ]
    assert one.queued(wrong) == []
    assert len(told(one, event(7, **critical), wait_for=1)) == 1
    assert outbox(notify(edges=["closed"])).queued([event(8)]) == []


def test_a_digest_gathers_what_comes_after_the_first(notify, outbox, told, event, clock, until):
    one = outbox(notify(digest="10min"))
    told(one, event(1, incident="a"), wait_for=1)
    told(one, event(2, incident="b"), event(3, edge="closed", incident="b"), event(4, incident="c"))
    clock.now += 599
    assert len(told(one)) == 1
    clock.now += 1
    assert told(one, wait_for=2)[1] == (
        "2 incidents, the first of hall/a: 1 open, 1 over",
        "hall/a 3 °C\nhall/a 4 °C",
        "success",
    )
    until(lambda: one.drain() or not len(one), "all are settled")


def test_what_comes_together_is_one_notification_that_says_who_began(notify, outbox, told, event, clock):
    one = outbox(notify(wait="30s"), clock=clock)
    told(one, event(1, incident="a", sensor="late", started="2024-05-01T12:00:09.000000Z"))
    clock.now += 20
    told(one, event(2, incident="b", sensor="early", started="2024-05-01T12:00:01.000000Z"))
    clock.now += 9.9
    assert told(one) == []
    clock.now += 0.1
    ((title, text, _),) = told(one, wait_for=1)
    assert title == "2 incidents, the first of early: 2 open"
    assert text == "hall/a 2 °C\nhall/a 1 °C"


def test_something_urgent_passes_a_digest(notify, outbox, told, event, until):
    one = outbox(notify(digest="10min"))
    told(one, event(1), wait_for=1)
    told(one, *[event(number, incident=f"i{number}") for number in range(2, 400)])
    assert told(one, event(400, severity="critical"), wait_for=2)[1][1] == "hall/a 400 °C"
    until(lambda: one.drain() or len(one) == 398, "it is settled, the others wait")


def test_quiet_hours_hold_back_what_is_not_urgent(notify, outbox, told, event, clock):
    one = outbox(notify(quiet_hours=[NIGHT]))
    clock.now = datetime.fromisoformat("2026-11-30T22:00:00+01:00").timestamp()
    told(one, event(1, incident="a"), event(2, incident="b"))
    assert [text for _, text, _ in told(one, event(3, severity="critical"), wait_for=1)] == ["hall/a 3 °C"]
    clock.now = datetime.fromisoformat("2026-12-01T06:59:59+01:00").timestamp()
    assert len(told(one)) == 1
    clock.now += 1
    assert told(one, wait_for=2)[1][0] == "2 incidents, the first of hall/a: 2 open"


@pytest.mark.parametrize("offset", ["2026-03-29T05:00:00+02:00", "2026-10-25T05:00:00+01:00"])
def test_quiet_hours_begin_by_the_local_clock_whatever_the_season(offset):
    period = NotifyConfig.model_validate(
        {"name": "a", "url": "json://x", "quiet_hours": [NIGHT]}
    ).quiet_hours[0]
    assert period.holds(datetime.fromisoformat(offset).timestamp())


def test_no_more_than_so_many_an_hour(notify, outbox, told, event, clock):
    one = outbox(notify(most_per_hour=2))
    for number in (1, 2):
        told(one, event(number, incident=f"i{number}"), wait_for=number)
    told(one, *[event(number, incident=f"i{number}") for number in range(3, 40)])
    clock.now += 3599
    assert len(told(one)) == 2
    clock.now += 1
    title, text, _ = told(one, wait_for=3)[2]
    assert title == "37 incidents, the first of hall/a: 37 open"
    assert text.splitlines()[-1] == "and 17 more"
    assert len(text.splitlines()) == 21


@pytest.mark.usefixtures("fast")
def test_a_service_that_fails_is_tried_again_and_nothing_is_said_twice(
    notify, outbox, told, event, receiver, until
):
    receiver.answers.extend([(500, {}), (429, {}), (0, {})])
    one = outbox(notify(timeout=1.0))
    assert told(one, event(), wait_for=1) == [("warning: hall/a", "hall/a 1 °C", "warning")]
    until(lambda: one.drain() or not len(one), "settled")
    assert one.lanes["phone"].sink.failures == 3
    assert "failed to send" in one.lanes["phone"].sink.failure.lower() or not one.lanes["phone"].sink.failure


def test_by_mail(outbox, event, until, free_port):
    mails = []

    class Keep(Message):
        def handle_message(self, message) -> None:
            mails.append(message)

    controller = Controller(Keep(), hostname="127.0.0.1", port=free_port)
    controller.start()
    try:
        url = (
            f"mailto://127.0.0.1:{free_port}/?from=detector@example.org&to=somebody@example.org&mode=insecure"
        )
        settings = NotifyConfig.model_validate({"name": "mail", "url": url, "title": "{message}"})
        one = outbox(Notify("mail", settings))
        one.add(one.queued([event()]))
        until(lambda: one.drain() or mails, "a mail")
    finally:
        controller.stop()
    assert "hall/a 1" in str(mails[0]["Subject"]) or "=?utf-8?" in str(mails[0]["Subject"])
    assert mails[0]["To"] == "somebody@example.org"


def test_a_url_of_no_service_is_refused_without_being_told(notify):
    with pytest.raises(ConfigError, match=r"notify\.phone\.url: must be a URL that Apprise knows$"):
        notify(url="nonsense://hunter2")
