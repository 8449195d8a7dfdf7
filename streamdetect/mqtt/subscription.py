"""The subscriptions of a connection, with their answers from the broker."""

from __future__ import annotations

import logging
import time
from itertools import zip_longest
from typing import TYPE_CHECKING

from paho.mqtt.client import topic_matches_sub
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamdetect.codecs.filters import overlapping
from streamdetect.mqtt.broker import subscription_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

    from streamdetect.config import MqttConfig

log = logging.getLogger(__name__)

_FILTERS_PER_SUBSCRIBE = 8  # what AWS IoT Core takes in one packet; others take more
_ANSWER = 10.0  # s in which the broker has to answer
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0  # s until a refused filter is asked for again; doubled each time


class Subscription:
    """The filters of one connection. Only an answer for each of them grants it all.

    A filter that is refused or not answered is asked for again: an access list may change, and after a lost
    packet no message would come for as long as the connection lasts.

    A broker may send a message once for each filter that it matches. Filters that some topic can match both
    get an identifier each (MQTT 5), which comes back with the message: of its copies one is the first.

    Attributes:
        identifies: true if the broker takes identifiers.
    """

    def __init__(
        self, settings: MqttConfig, client: Client, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.filters: tuple[str, ...] = ()  # asked for
        self.identifies = False
        self._identifiers: dict[str, int] = {}  # of the filters that overlap
        self._settings, self._client, self._clock = settings, client, clock
        self._unanswered: dict[
            int, tuple[list[str], float]
        ] = {}  # by packet id: filters, when they were asked for
        self._missing: dict[str, str] = {}  # filters that are not granted: why
        self._pause = _FIRST_PAUSE
        self._again_at = 0.0

    @property
    def granted(self) -> bool:
        """True if the broker has granted every filter."""
        return bool(self.filters) and not self._unanswered and not self._missing

    @property
    def problem(self) -> str:
        """The reason why not; empty while nothing is known to be wrong."""
        return next((f"subscription to {topic!r} {why}" for topic, why in self._missing.items()), "")

    def ask(self, filters: tuple[str, ...], stale: Iterable[str] = ()) -> None:
        """Ask for these filters, and unsubscribe from earlier and stale filters that are not among them."""
        for some in _chunks([topic for topic in (*self.filters, *stale) if topic not in filters]):
            self._client.unsubscribe(some)
        self.lost()
        self.filters = filters
        tangled = {one for pair in overlapping(filters) for one in pair} if self.identifies else set()
        self._identifiers = {one: at for at, one in enumerate(filters, 1) if one in tangled}
        self._ask(filters)

    def lost(self) -> None:
        """Forget everything: the connection is gone."""
        self.filters, self._pause = (), _FIRST_PAUSE
        self._unanswered.clear()
        self._missing.clear()

    def answered(self, mid: int, reasons: Sequence[ReasonCode]) -> None:
        """Take in a SUBACK; a filter without an answer in it is not granted."""
        filters, _ = self._unanswered.pop(mid, ((), 0.0))
        for topic, reason in zip_longest(filters, reasons[: len(filters)]):
            if reason is None:
                self._miss(topic, "not answered")
            elif reason.is_failure:
                self._miss(topic, f"refused: {reason}")
            else:
                self._missing.pop(topic, None)

    def turn(self) -> None:
        """Ask again if it is time to."""
        if self.granted:
            return
        now = self._clock()
        for mid, (filters, asked) in list(self._unanswered.items()):
            if now - asked > _ANSWER:
                del self._unanswered[mid]
                for topic in filters:
                    self._miss(topic, "not answered")
        if self._missing and not self._unanswered and now >= self._again_at:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._ask(tuple(self._missing))

    def _ask(self, filters: Sequence[str]) -> None:
        options, now = subscription_options(self._settings), self._clock()
        self._again_at = now + self._pause
        for some in _chunks([topic for topic in filters if topic not in self._identifiers]):
            _, mid = self._client.subscribe([(topic, options) for topic in some])  # type: ignore[arg-type] # one type for all of the list, as paho wants it
            if mid is not None:
                self._unanswered[mid] = some, now
        for topic in filters:
            if topic in self._identifiers:
                properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call] # paho's own gap
                properties.SubscriptionIdentifier = self._identifiers[topic]
                _, mid = self._client.subscribe(topic, options=options, properties=properties)  # type: ignore[arg-type] # of MQTT 5 they are options
                if mid is not None:
                    self._unanswered[mid] = [topic], now

    def is_first(self, topic: str, identifiers: Sequence[int]) -> bool:
        """Tell whether these are the identifiers of the first copy of a message."""
        first = next((at for one, at in self._identifiers.items() if topic_matches_sub(one, topic)), 0)
        return not first or first in identifiers

    def _miss(self, topic: str, why: str) -> None:
        if self._missing.get(topic) != why:
            log.error("subscription to %r %s; it is asked for again", topic, why)
        self._missing[topic] = why


def _chunks(items: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(items), _FILTERS_PER_SUBSCRIBE):
        yield list(items[start : start + _FILTERS_PER_SUBSCRIBE])
