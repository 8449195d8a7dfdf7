"""Inhibition: while a parent (a gateway) has an incident, nobody is notified of its children."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streamdetect.config import InhibitConfig


class Party(NamedTuple):
    """A sensor with an incident."""

    detector: str
    sensor: str
    labels: Mapping[str, str]
    started: str = ""  # RFC 3339; empty: before this daemon


class Inhibition:
    """Knows which parents have an incident now. The main thread observes, any may ask."""

    def __init__(self, rules: Sequence[InhibitConfig], begun: Iterable[Party] = ()) -> None:
        """Begin.

        Args:
            rules: of the configuration.
            begun: sensors that have an incident already.
        """
        self._rules = rules
        self._parents: dict[tuple[str, str], Party] = {}
        for party in begun:
            self._note(party, is_open=True)

    def observe(self, facts: Mapping[str, Any]) -> None:
        """Note an edge of an incident; facts are those of the whole CloudEvent."""
        edge = str(facts["type"]).rpartition(".")[2]
        if edge in {"opened", "updated", "closed"}:
            self._note(_party(facts["data"]), is_open=edge != "closed")

    def by(self, data: Mapping[str, Any]) -> str:
        """Return the parent because of which nobody is notified of an event; empty if there is none."""
        child = _party(data)
        for parent in list(self._parents.values()):
            first = parent.started < child.started or not self._holds(child, parent)
            if first and self._holds(parent, child):
                return parent.sensor
        return ""

    def _note(self, party: Party, *, is_open: bool) -> None:
        if not any(rule.parents.covers(*party[:3]) for rule in self._rules):
            return
        if is_open:
            self._parents[party[:2]] = party
        else:
            self._parents.pop(party[:2], None)

    def _holds(self, parent: Party, child: Party) -> bool:
        return parent[:2] != child[:2] and any(rule.holds(parent[:3], child[:3]) for rule in self._rules)


def _party(data: Mapping[str, Any]) -> Party:
    return Party(data["detector"], data["sensor"], data["labels"], data["started"])
