"""Filters that the broker may still be subscribed to for us, from runs with another configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streamdetect.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.store import Store

log = logging.getLogger(__name__)


class Subscriptions:
    """Has the edge subscribe, and unsubscribe from what a persistent session has from earlier.

    A filter is noted before it is subscribed to, and crossed out once the broker has given it up.
    """

    def __init__(self, store: Store, edge: MqttEdge, filters: Iterable[str]) -> None:
        self._store, self._edge = store, edge
        self.want(filters)

    def want(self, filters: Iterable[str]) -> None:
        """Subscribe to these from now on, and to no other."""
        self._wanted = set(filters)
        try:
            noted = self._store.filters()
        except StateError:
            noted = set()  # the next commit says what is wrong
        stale = noted - self._wanted
        if stale:
            log.info("no longer subscribed to: %s", ", ".join(map(repr, sorted(stale))))
        self._note(noted | self._wanted, noted)
        self._settled = not stale
        self._edge.set_filters(filters, stale)

    def turn(self) -> None:
        """Cross out what the broker has given up."""
        if not self._settled and self._edge.subscribed:
            self._settled = True
            self._note(self._wanted, None)

    def _note(self, filters: set[str], noted: set[str] | None) -> None:
        if filters != noted:
            try:
                self._store.note_filters(filters)
            except StateError as error:
                log.warning("cannot note the topic filters: %s", error)
