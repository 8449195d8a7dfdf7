"""A commented configuration for the messages heard, tried on the same messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamdetect.config import parse
from streamdetect.config.yaml_subset import write_yaml
from streamdetect.logs import printable
from streamdetect.offline.discovery.proposals import untaken
from streamdetect.offline.discovery.witness import Taken, Witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamdetect.offline.discovery.proposals import Proposal
    from streamdetect.offline.discovery.topics import Heard, Topics

_SHOWN = 6  # topics in a comment
_MOST_IGNORED = 100
_MOST_LEFT = 20  # topics listed as not taken
_EXAMPLE = 60  # bytes of a payload


def settled(mqtt: dict[str, Any], found: list[Proposal], topics: Topics) -> list[Proposal]:
    """Leave out detectors that take nothing, and make the others ignore topics that they would reject."""
    if not found:
        return []
    witness = Witness(parse(configuration(mqtt, found, topics)))
    takes: set[tuple[str, str]] = set()
    rejects: dict[tuple[str, str], None] = {}
    for heard in topics.heard.values():
        for message in heard.messages:
            for one in witness.look(message._replace(retain=False)):
                if isinstance(one, Taken):
                    takes.add((one.detector, one.topic))
                elif not one.ignored:
                    rejects[one.detector, one.topic] = None
    for proposal in found:
        bad = [topic for name, topic in rejects if name == proposal.name and (name, topic) not in takes]
        if bad:
            proposal.detector["ignore"] = [*proposal.detector.get("ignore", ()), *bad[:_MOST_IGNORED]]
    return [one for one in found if any(name == one.name for name, _ in takes)]


def configuration(mqtt: dict[str, Any], found: Iterable[Proposal], topics: Topics) -> str:
    """Write the configuration: the broker, and a block for each detector with its topics and fields."""
    messages = sum(one.count for one in topics.heard.values())
    lines = [
        "# Written by `streamdetect init`. What is not here has its default: see config.yaml of the package.",
        f"# {len(topics.heard)} topics were heard, {messages} messages.",
        "",
        write_yaml({"mqtt": mqtt}),
        "detectors:",
    ]
    found = list(found)
    for one in found:
        lines += [*(f"  # {printable(line)}" for line in _comments(one)), *_indented(one.detector), ""]
    lines += [f"# Not taken: {line}" for line in left_alone(found, topics)]
    return "\n".join(lines).rstrip() + "\n"


def left_alone(found: list[Proposal], topics: Topics) -> list[str]:
    """Describe each topic that no detector is for, up to a limit."""
    left = untaken(found, topics)
    said = [f"{printable(one.topic)}, like {_example(one)}" for one in left[:_MOST_LEFT]]
    return [*said, f"{len(left) - _MOST_LEFT} more topics"] if len(left) > _MOST_LEFT else said


def _example(heard: Heard) -> str:
    return repr(heard.messages[0].payload[:_EXAMPLE].decode(errors="replace"))


def _comments(one: Proposal) -> Iterator[str]:
    names = [heard.topic for heard in one.topics]
    rates = [heard.every for heard in one.topics if heard.every]
    every = f", a message every {sorted(rates)[len(rates) // 2]:.3g} s" if rates else ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    yield f"{one.about}{every}: {', '.join(names[:_SHOWN])}{more}"
    for field in one.taken():
        yield f"  {field.path}: {field.kind}{_like(field.values)}"
    for field in one.left():
        yield f"  left out: {field.path}, {field.kind}{_like(field.values)}"


def _like(values: list[Any]) -> str:
    seen = list(dict.fromkeys(f"{value!r:.20}" for value in values))[:3]
    return f", like {', '.join(seen)}" if seen else ""


def _indented(detector: dict[str, Any]) -> list[str]:
    first, *rest = write_yaml(detector).splitlines()
    return [f"  - {first}", *(f"    {line}" for line in rest)]
