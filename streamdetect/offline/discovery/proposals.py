"""Detectors for the messages received: known senders first, then any topic with numbers in it."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from streamdetect.codecs.filters import overlap
from streamdetect.offline.discovery.fields import Field, flattened, time_format
from streamdetect.offline.discovery.senders import SENDERS
from streamdetect.offline.discovery.topics import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamdetect.offline.discovery.senders import Sender
    from streamdetect.offline.discovery.topics import Heard, Topics

_NEAR: Final = 3_600.0  # s by which a device's clock may differ from ours
_IDS: Final = ("id", "name", "sensor", "device", "channel", "address", "mac", "serial")


@dataclass
class Proposal:
    """A detector, with the fields it was made of."""

    about: str
    detector: dict[str, Any]
    topics: list[Heard] = field(default_factory=list)
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The detector's name."""
        return str(self.detector["name"])

    def taken(self) -> list[Field]:
        """Return the fields that are measurements or counters."""
        return [one for one in self.fields.values() if one.kind in {"measurement", "counter"}]

    def left(self) -> list[Field]:
        """Return the other fields, which say something about the device."""
        return [one for one in self.fields.values() if one.kind not in {"measurement", "counter", "time"}]


def proposals(topics: Topics) -> list[Proposal]:
    """Propose detectors for everything that has readings in it."""
    rest: list[tuple[Heard, str, list[Any]]] = []
    known: dict[str, Proposal] = {}
    for heard in topics.heard.values():
        found = [parsed(message.payload) for message in heard.messages]
        sender = next((one for one in SENDERS if _is_of(one, heard, [what for _, what in found])), None)
        if sender is None:
            by_format = defaultdict(list)
            for name, what in found:
                by_format[name].append(what)
            rest += [(heard, name, what) for name, what in by_format.items()]
            continue
        if sender.name not in known:
            known[sender.name] = Proposal(
                sender.about, {"name": sender.name, **copy.deepcopy(sender.detector)}
            )
        known[sender.name].topics.append(heard)
        for _, what in found:
            _note(known[sender.name], _entries(what, sender.each))
    made = [one for one in known.values() if "values" not in one.detector["payload"] or _fill_in(one)]
    return [*made, *_others(rest)]


def _is_of(sender: Sender, heard: Heard, payloads: Iterable[Any]) -> bool:
    return bool(sender.topic.fullmatch(heard.topic)) and any(map(sender.fits, payloads))


def _entries(document: Any, each: str) -> Iterator[Any]:  # noqa: ANN401 - a document
    """Return the parts of a document whose fields are values."""
    for step in each.split(".") if each not in {"", "$"} else ():
        document = document.get(step) if isinstance(document, dict) else None
    if each == "$" and isinstance(document, dict):
        yield from (one for one in document.values() if isinstance(one, dict))
    elif isinstance(document, list):
        yield from (one for one in document if isinstance(one, dict))
    elif document is not None:
        yield document


def _note(proposal: Proposal, entries: Iterable[Any]) -> None:
    for entry in entries:
        for path, value in flattened(entry).items():
            if value is not None:
                proposal.fields.setdefault(path, Field(path)).add(value)


def _fill_in(proposal: Proposal, prefix: str = "") -> bool:
    """Put the fields that are taken into `values`; False if there are none."""
    sender = next((one for one in SENDERS if one.name == proposal.name), None)
    prefix = prefix or (sender.each if sender and sender.each not in {"", "$"} else "")
    names: dict[str, str] = {}
    for one in proposal.taken():
        path = f"{prefix}.{one.path}" if prefix else one.path
        short = re.sub(r"[^A-Za-z0-9_.-]", "_", one.name)[:64] or "value"
        name = short if short not in names else re.sub(r"[^A-Za-z0-9_.-]", "_", one.path)[:64]
        names[name] = path
    proposal.detector["payload"]["values"] = names
    return bool(names)


def _others(rest: list[tuple[Heard, str, list[Any]]]) -> list[Proposal]:
    """Propose detectors for topics of the same depth below one level, format by format."""
    groups: dict[tuple[str, int, str, tuple[str, ...]], list[tuple[Heard, list[Any]]]] = defaultdict(list)
    for heard, name, payloads in rest:
        if name == "text":
            continue
        levels = heard.topic.split("/")
        kinds = {_shape(name, what) for what in payloads}
        for shape in kinds:
            same = [what for what in payloads if _shape(name, what) == shape]
            groups[levels[0], len(levels), name, shape].append((heard, same))
    made = [_group(*key, members) for key, members in groups.items()]
    found = [one for one in made if one is not None]
    for at, one in enumerate(found):  # names are unique
        if one.name in {other.name for other in found[:at]}:
            one.detector["name"] = f"{one.name}-{at + 1}"
    return found


def _shape(name: str, what: Any) -> tuple[str, ...]:  # noqa: ANN401 - a document
    """Tell apart the kinds of documents that need blocks of their own."""
    if name == "influx":
        return tuple(sorted(set(what[0].labels()) - {"measurement", "series"}))
    if isinstance(what, dict) and isinstance(what.get("fields"), dict) and isinstance(what.get("tags"), dict):
        return ("telegraf", *sorted(what["tags"]))
    if isinstance(what, dict) and isinstance(what.get("metrics"), list):
        return ("batch",)
    if isinstance(what, list) and what and isinstance(what[0], dict) and {"n", "bn"} & set(what[0]):
        return ("senml",)
    if isinstance(what, dict):
        walked = (("each", str(key), names) for key, inner in what.items() if (names := _names(inner)))
        return next(walked, ())
    return ("each", "$", names) if (names := _names(what)) else ()


def _names(entries: Any) -> str:  # noqa: ANN401 - a part of a document
    """Return the key that names the sensor in each entry of a list; empty if there is none."""
    if not isinstance(entries, list) or not entries or not all(isinstance(one, dict) for one in entries):
        return ""
    return next((key for key in _IDS if all(isinstance(one.get(key), str | int) for one in entries)), "")


def _group(
    first: str, depth: int, name: str, shape: tuple[str, ...], members: list[tuple[Heard, list[Any]]]
) -> Proposal | None:
    topics = [heard.topic for heard, _ in members]
    title = "-".join(re.sub(r"[^A-Za-z0-9_.-]", "_", part)[:40] for part in (first or "root", *shape[:1]))
    payload: dict[str, Any] = {} if name == "json" else {"format": name}
    detector: dict[str, Any] = {"name": title, "topics": [_filter(topics, depth)], "payload": payload}
    words = {"quantity": "numbers with units"}.get(name, name)
    about = f"{words}, {len(topics)} topic{'s' if len(topics) > 1 else ''}"
    proposal = Proposal(about, detector, [heard for heard, _ in members])
    documents = [what for _, its in members for what in its]
    if name == "number":
        payload |= {"format": "number"}
        proposal.fields = {"$": Field("$", documents)}
        return proposal
    if name == "quantity":
        return _quantity(proposal, documents)
    if name == "influx":
        return _lines(proposal, documents, shape)
    if shape == ("senml",):
        payload |= {"format": "senml"}
        return proposal
    each, key = _walk(shape)
    for what in documents:
        _note(proposal, _entries(what, each))
    if shape[:1] == ("telegraf",) or each:
        named = [path for path in sorted(proposal.fields) if path.startswith("tags.") or path == key]
        detector["sensor"] = "/".join([*(["{topic}"] if key else []), *(f"{{{path}}}" for path in named)])
        detector["sensor"] += ("." if key else "/" if named else "") + "{field}"
        proposal.fields = {path: one for path, one in proposal.fields.items() if path not in named}
    if each:
        payload["each"] = each
    payload |= {"values": {}, "fields": "per_sensor"}
    if not _fill_in(proposal):
        return None
    return _timed(proposal, members, each)


def _walk(shape: tuple[str, ...]) -> tuple[str, str]:
    """Return the path of the entries of documents of this shape, and the key that names each."""
    if shape[:1] == ("each",):
        return shape[1], shape[2]
    return ("metrics", "") if shape == ("batch",) else ("", "")


def _quantity(proposal: Proposal, texts: list[str]) -> Proposal | None:
    """Propose numbers as people write them, with a unit or a decimal comma."""
    comma = any("," in text for text in texts)
    proposal.detector["payload"] = {"format": "number", "units": "any"}
    if comma:
        proposal.detector["payload"]["decimal_comma"] = True
    proposal.fields = {"$": Field("$", [re.sub(r"[^\d.+-]", "", text.replace(",", ".")) for text in texts])}
    return proposal if proposal.taken() else None


def _lines(proposal: Proposal, documents: list[Any], tags: tuple[str, ...]) -> Proposal | None:
    for lines in documents:
        for line in lines:
            for key, found in line.fields.items():
                text = found["number"] or (found["string"] or "").strip('"')
                proposal.fields.setdefault(key, Field(key)).add(text)
    names = "/".join(["{measurement}", *(f"{{{tag}}}" for tag in tags)])
    proposal.detector["sensor"] = f"{names}.{{field}}"
    proposal.detector["payload"] |= {"values": {}, "fields": "per_sensor"}
    values = {re.sub(r"[^A-Za-z0-9_.-]", "_", one.path): one.path for one in proposal.taken()}
    proposal.detector["payload"]["values"] = values
    return proposal if values else None


def _timed(proposal: Proposal, members: list[tuple[Heard, list[Any]]], each: str) -> Proposal:
    """Add the path of the time, if every message has a time near its arrival."""
    messages = [message for heard, _ in members for message in heard.messages]
    newest = max(message.arrival for message in messages)
    for one in proposal.fields.values():
        if one.kind != "time" or len(one.values) < len(messages) or each:
            continue
        forms = {time_format(value) for value in one.values}
        form = forms.pop()
        if form is None or forms or (form == "rfc3339" and not _has_offset(one.values)):
            continue
        if form == "rfc3339" or abs(float(one.values[-1]) / _SCALE[form] - newest) < _NEAR:
            proposal.detector["payload"] |= {"time": one.path}
            if form != "s":
                proposal.detector["payload"]["time_format"] = form
            break
    return proposal


_SCALE: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def _has_offset(values: Iterable[Any]) -> bool:
    return all(re.search(r"(Z|[+-]\d\d:?\d\d)$", str(value), re.IGNORECASE) for value in values)


def _filter(topics: list[str], depth: int) -> str:
    """Return the narrowest filter of that depth."""
    levels = [topic.split("/") for topic in topics]
    same = [levels[0][at] if len({one[at] for one in levels}) == 1 else "+" for at in range(depth)]
    if "+" not in same and depth > 1:
        same[-1] = "+"  # one topic today, and others of its kind tomorrow; other messages are ignored
    return "/".join(same)


def untaken(found: list[Proposal], topics: Topics) -> list[Heard]:
    """Return the topics that no detector is for."""
    taken = {heard.topic for one in found for heard in one.topics}
    return [heard for heard in topics.heard.values() if heard.topic not in taken]


def shared(found: list[Proposal], topic: str) -> list[str]:
    """Name the detectors whose filters match a topic."""
    return [one.name for one in found if any(overlap(each, topic) for each in one.detector["topics"])]
