"""The page, put together with the parts of a daemon that it shows."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from streamdetect.errors import StreamdetectError
from streamdetect.page.sources import Connection, Refused, Sources

if TYPE_CHECKING:
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.page.server import Page
    from streamdetect.service.answers import Answers
    from streamdetect.service.lineup import Lineup
    from streamdetect.service.vitals import Vitals
    from streamdetect.sinks.outbox import Outbox

_NEEDED = ("starlette", "uvicorn", "youplot")
_INSTALL = "pip install 'streamdetect[page]'"


def make_page(
    lineup: Lineup, answers: Answers, edge: MqttEdge, inbox: Inbox, outbox: Outbox, vitals: Vitals
) -> Page | None:
    """Make the page and bind its port, if the configuration asks for it.

    Raises:
        ConfigError: a secret or a file of TLS cannot be read.
        StateError: the series of the past cannot be kept.
        StreamdetectError: it needs more than is installed, or the port cannot be bound.
    """
    if not lineup.config.page.enabled:
        return None
    check_installed()
    from streamdetect.page.server import Page  # noqa: PLC0415 - an extra

    return Page(
        Sources(
            config=lambda: lineup.config,
            detectors=lambda: lineup.pipeline.assemblies,
            labels=lambda: lineup.pipeline.labels,
            hushes=answers.hushes,
            connection=lambda: Connection(edge.connected, edge.subscribed, edge.last_error, inbox.depth),
            unready=vitals.unready,
            refused=lambda: _refused(lineup),
            topics=lambda most: lineup.pipeline.topics(most),  # noqa: PLW0108 - of whichever is at work
            lanes=lambda: outbox.lanes,
            ask=answers.ask,
        )
    )


def check_installed() -> None:
    """Check that everything the page needs is installed.

    Raises:
        StreamdetectError: something is not; says what to install.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise StreamdetectError(f"page: needs {', '.join(missing)}, not installed: {_INSTALL}")


def _refused(lineup: Lineup) -> list[Refused]:
    """Return the latest example of each kind, the most frequent kind first."""
    refusals = lineup.pipeline.refusals
    latest = [(kind, kept[-1]) for kind, kept in list(refusals.examples.items()) if kept]
    found = [
        Refused(
            one.detector,
            one.reason,
            one.ignored,
            refusals.counts[kind],
            one.arrival,
            one.topic,
            one.payload,
            one.path,
            one.detail,
        )
        for kind, one in latest
    ]
    return sorted(found, key=lambda one: (one.ignored, -one.times))
