"""Events to people, by Apprise: Telegram, ntfy, Slack, Matrix, mail and a hundred more services.

See https://github.com/caronc/apprise/wiki for the URL of each. Events held back, by quiet hours or until the
next digest is due, stay in the outbox, so they are neither lost nor sent twice by a restart.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from streamdetect.errors import ConfigError, Problem, StreamdetectError
from streamdetect.failpoints import failpoint
from streamdetect.sinks import picture
from streamdetect.sinks.choosing import ChoosingWorker
from streamdetect.sinks.sink import Delivery, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from apprise import Apprise, AppriseAttachment

    from streamdetect.config import NotifyConfig
    from streamdetect.store import Event, Queued

log = logging.getLogger(__name__)

_LOOK_AGAIN = 1.0  # s; something urgent may have come behind what is held back
_HOUR = 3600.0  # s
_STATES = {"closed": "over", "changed": "new normal", "drifted": "model drifted"}
_LINES = 20  # of a digest
_PICTURES = 3  # of it
_PICTURE_ATTEMPTS = 3  # that fail one after the other


class Note(NamedTuple):
    """An event on its way into a notification."""

    number: int  # in the outbox
    since: float  # since which it waits there, Unix seconds
    facts: dict[str, Any]  # the CloudEvent's

    @property
    def data(self) -> dict[str, Any]:
        """The event's data."""
        return self.facts["data"]  # type: ignore[no-any-return] # as the encoder made it

    @property
    def about(self) -> str:
        """The incident; an event that is about none counts as its own."""
        return str(self.data.get("incident", self.facts["id"]))

    @property
    def edge(self) -> str:
        """The edge of the incident."""
        return str(self.facts["type"]).rpartition(".")[2]


class Notification(NamedTuple):
    """A notification as it is sent."""

    title: str
    body: str
    kind: str  # Apprise's: info, success, warning, failure
    pictures: Sequence[bytes] = ()  # PNG


class Notify(ChoosingWorker):
    """One notification an event, or a digest of several, to one service."""

    kind: ClassVar[str] = "notify"
    window: ClassVar[int] = 10_000  # an urgent event may be behind events that are held back

    def __init__(self, name: str, settings: NotifyConfig, clock: Callable[[], float] = time.time) -> None:
        """Read the URL and make the service of it; nothing is connected.

        Raises:
            ConfigError: the URL cannot be read, or names no service.
            StreamdetectError: Apprise is not installed.
        """
        super().__init__(name, settings)
        self._settings = settings
        self._clock = clock
        self._service = service(name, settings.url_value(f"notify.{name}"))
        self._notes: dict[int, Note] = {}
        self._sent: deque[float] = deque(maxlen=settings.most_per_hour)  # Unix seconds
        self.shows = settings.picture
        self._failed_to_draw = 0
        self._drawn: dict[str, bytes] = {}  # pictures of the notification that is being tried, by event

    def wants(self, event: Event) -> bool:
        """Tell whether the configuration chooses it, and nobody has muted it."""
        facts = event.facts
        if self.inhibition:  # sees every event, chosen or not
            self.inhibition.observe(facts)
        return super().wants(event) and not facts["data"].get("muted", False)

    def deliver(self, event: Event) -> None:
        """Send one event by itself."""
        self.send_now(notification(self._settings, [Note(0, 0.0, event.facts)]))

    def work(self, given: Mapping[int, Queued]) -> tuple[list[Delivery], float]:
        """Send the events that may go out now as one notification."""
        notes = self._notes = {
            at: self._notes.get(at) or Note(at, one.since, one.event.facts) for at, one in given.items()
        }
        now = self._clock()
        held = self._held(notes.values())
        if explained := _begun_and_over(held):
            return [Delivery(note.number, ok=True) for note in explained], 0.0
        due = self._due([note for note in notes.values() if note not in held], now)
        if not due:
            return [], _LOOK_AGAIN
        told = notification(self._settings, due)
        try:
            self.send_now(told._replace(pictures=self._pictures(due)))
            failpoint("sink.notify.delivered")
        except UnavailableError as error:
            return self._failed(given[due[0].number], str(error))
        self._sent.append(now)
        self._drawn.clear()
        self._succeeded()
        return [Delivery(note.number, ok=True) for note in due], 0.0

    def send_now(self, message: Notification) -> None:
        """Send a notification.

        Raises:
            UnavailableError: the service does not take it.
        """
        said: list[str] = []
        tries = [attachments(message.pictures), None] if message.pictures else [None]
        for attached in tries:  # a service that does not take the picture may take the words
            if self._service.notify(
                title=message.title,
                body=message.body,
                notify_type=message.kind,
                attach=attached,
                timeout=self._settings.timeout,
                log_callback=lambda entry, _: said.append(entry.message),
            ):
                return
        raise UnavailableError(" ".join(said[-1:]) or "the service does not take it")

    def _pictures(self, notes: Sequence[Note]) -> list[bytes]:
        """Draw the incidents of a notification, the first few, once for all attempts."""
        shown = lines_of(notes)[:_PICTURES] if self.shows else []
        asked = {note.facts["id"]: self._asked(note) for note in shown if note.facts["id"] not in self._drawn}
        wanted = {event: one for event, one in asked.items() if one is not None}
        if wanted:
            self._draw(wanted)
        return [self._drawn[note.facts["id"]] for note in shown if note.facts["id"] in self._drawn]

    def _asked(self, note: Note) -> bytes | None:
        """Return the request for a picture of an event; None if too little is known."""
        data = note.data
        if self.trail is None or "incident" not in data:
            return None
        around = self.trail.around(data["detector"], data["sensor"])
        return None if around is None else picture.request(data, around)

    def _draw(self, wanted: Mapping[str, bytes]) -> None:
        """Draw a picture for each event; without one where drawing fails, and always after a few failures."""
        try:
            self._drawn |= zip(wanted, picture.draw(list(wanted.values())), strict=True)
            self._failed_to_draw = 0
        except StreamdetectError as error:
            self._failed_to_draw += 1
            self.shows = self._failed_to_draw < _PICTURE_ATTEMPTS
            log.warning("sink %s sends no picture%s: %s", self.name, "" if self.shows else " any more", error)

    def _held(self, notes: Iterable[Note]) -> list[Note]:
        """Return the events that another sensor's incident explains."""
        inhibition = self.inhibition
        return [note for note in notes if inhibition.by(note.data)] if inhibition else []

    def _due(self, notes: Sequence[Note], now: float) -> list[Note]:
        """Return the events that may go out now."""
        if len(self._sent) == self._sent.maxlen and _within(self._sent[0], _HOUR, now):
            return []
        gathering = bool(self._sent) and _within(self._sent[-1], self._settings.digest, now)
        gathering |= _within(min((note.since for note in notes), default=now), self._settings.wait, now)
        if gathering or any(period.holds(now) for period in self._settings.quiet_hours):
            return [note for note in notes if note.data["severity"] in self._settings.urgent]
        return list(notes)


def _begun_and_over(notes: Sequence[Note]) -> list[Note]:
    """Return the events of incidents that began and ended meanwhile."""
    began, ended = ({note.about for note in notes if note.edge == edge} for edge in ("opened", "closed"))
    return [note for note in notes if note.about in began & ended]


def _within(began: float, seconds: float, now: float) -> bool:
    """Tell whether a span has not passed yet; it has when the clock was set back to before its begin."""
    return 0.0 <= now - began < seconds


def service(name: str, url: str) -> Apprise:
    """Make the service of an Apprise URL.

    Raises:
        ConfigError: the URL names none.
        StreamdetectError: Apprise is not installed.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, and 40 MB of memory
    except ImportError as error:
        raise StreamdetectError("notify needs Apprise: pip install 'streamdetect[notify]'") from error
    logging.getLogger("apprise").setLevel(logging.WARNING)  # it logs twice that it has sent something
    made = apprise.Apprise()
    if not made.add(url):
        raise ConfigError([Problem(f"notify.{name}.url", "must be a URL that Apprise knows")])
    return made


def notification(settings: NotifyConfig, notes: Sequence[Note]) -> Notification:
    """Put events into one notification: of each incident only the last, the worst incidents first."""
    lines = lines_of(notes)
    if len(lines) == 1:
        (note,) = lines
        fields = template_fields(note)
        return Notification(settings.title.format_map(fields), settings.body.format_map(fields), _kind(note))
    body = [settings.body.format_map(template_fields(note)) for note in lines[:_LINES]]
    if len(lines) > _LINES:
        body.append(f"and {len(lines) - _LINES} more")
    return Notification(_title(lines), "\n".join(body), _kind(lines[0]))


def lines_of(notes: Sequence[Note]) -> list[Note]:
    """Return the last event of each incident, the worst incidents first."""
    latest = {note.about: note for note in notes}
    return sorted(
        latest.values(), key=lambda note: (note.data["severity"] != "critical", note.data["started"])
    )


def attachments(pictures: Sequence[bytes]) -> AppriseAttachment:
    """Return pictures as Apprise takes them."""
    from apprise import AppriseAttachment  # noqa: PLC0415 - an extra
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415 - likewise

    made = AppriseAttachment()
    for number, content in enumerate(pictures, 1):
        made.add(AttachMemory(content, name=f"incident-{number}.png", mimetype="image/png"))  # type: ignore[no-untyped-call]  # untyped there
    return made


def template_fields(note: Note) -> dict[str, object]:
    """Return the values of the placeholders of `title` and `body`; `config.sinks.FIELDS` lists them."""
    data = note.data
    return {
        "message": data["message"],
        "sensor": data["sensor"],
        "detector": data["detector"],
        "severity": data["severity"],
        "state": _STATES.get(note.edge, data["severity"]),
        "edge": note.edge,
        "kind": data.get("kind") or "",
        "value": data.get("value", ""),
        "unit": data.get("unit") or "",
        "score": data.get("score", ""),
        "started": data["started"],
        "incident": note.about,
        "labels": ", ".join(f"{name}={value}" for name, value in data["labels"].items()),
    }


def _title(lines: Sequence[Note]) -> str:
    over = sum(note.edge == "closed" for note in lines)
    counts = {"open": len(lines) - over, "over": over}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    began = min(lines, key=lambda note: str(note.data["started"])).data["sensor"]
    return f"{len(lines)} incidents, the first of {began}: {said}"


def _kind(note: Note) -> str:
    if note.edge == "closed":
        return "success"
    if note.edge == "changed":
        return "info"
    return "failure" if note.data["severity"] == "critical" else "warning"
