"""`streamdetect incidents`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from streamdetect.commands import one_incident
from streamdetect.commands.config_option import add_config
from streamdetect.commands.spans import ago
from streamdetect.config import Config, load
from streamdetect.errors import StateError, StreamdetectError
from streamdetect.logs import printable
from streamdetect.sinks.message import duration
from streamdetect.store.groups import Group, groups
from streamdetect.store.history import HISTORY, answers, around, beginning, edges, read
from streamdetect.times import local

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.store.history import Answer, Incident

_SHOWN = 8  # characters of an id in a list; two of a thousand incidents begin alike once in 8,000 histories
_MANY = 5  # that are named if several are meant


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect incidents`."""
    parser.add_argument(
        "incident",
        metavar="ID",
        nargs="?",
        help="show this incident in full, with the readings around it; the first characters of its id do",
    )
    add_config(parser, "the daemon's configuration")
    parser.add_argument(
        "--state", metavar="DIR", type=Path, help="the daemon's state directory, instead of its configuration"
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=ago,
        default=86_400.0,
        help="how far to look back: 90min, 1d (default), 30d, or since a time like 2026-11-30T08:00",
    )
    parser.add_argument(
        "--sensor", metavar="GLOB", default="*", help="only incidents of sensors that match this pattern"
    )
    parser.add_argument("--open", action="store_true", help="only incidents that are open")
    parser.add_argument(
        "--groups",
        action="store_true",
        help="group incidents that overlap and share a detector or a label",
    )
    parser.add_argument(
        "--answers", action="store_true", help="list what people answered instead of incidents"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each incident")


def run(args: Namespace) -> int:
    """List incidents, oldest first, or show one; the daemon may be running."""
    path = _directory(args) / HISTORY
    if not path.exists():
        raise StateError(f"{path} does not exist: no daemon with this state directory has had an incident")
    if args.incident:
        return _show(path, args)
    if args.answers:
        for answer in answers(path, since=time.time() - args.since):
            sys.stdout.write(_answer(answer, as_json=args.json))
        return 0
    found = read(path, since=time.time() - args.since, sensors=args.sensor, only_open=args.open)
    together = groups(found) if args.groups else [Group([incident]) for incident in found]
    for group in together:
        for incident in group.incidents:
            indent = "" if incident is group.first else "  "
            sys.stdout.write(_json(incident, group) if args.json else indent + _line(incident))
    if not found and not args.json:
        sys.stdout.write(f"no incidents in the last {duration(args.since)}\n")
    return 0


def _show(path: Path, args: Namespace) -> int:
    if args.open or args.groups or args.answers or args.sensor != "*":
        raise StreamdetectError("ID cannot be combined with --open, --groups, --answers or --sensor")
    incident = named(path, args.incident)
    facts = incident, edges(path, incident.id), around(path, incident.id)
    sys.stdout.write(one_incident.as_json(*facts) if args.json else one_incident.as_text(*facts))
    return 0


def named(path: Path, begin: str) -> Incident:
    """The incident whose id begins with these characters.

    Raises:
        StateError: there is none, or more than one, or the history cannot be read.
    """
    found = beginning(path, begin, _MANY)
    if not found:
        raise StateError(f"there is no incident whose id begins with {printable(begin)} in {path}")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise StateError(f"several incidents have an id that begins with {begin}: {ids}")
    return found[0]


def _directory(args: Namespace) -> Path:
    if args.state:
        return Path(args.state)
    config = load(args.config) if args.config else Config.defaults()
    if config.state.path is None:
        raise StateError("no state.directory: the daemon keeps no history; --state DIR names another")
    return config.state.path


def _line(incident: Incident) -> str:
    lasted = "open" if incident.open else duration((incident.ended or 0.0) - incident.started)
    label = f"  ({incident.label})" if incident.label else ""
    begin = f"{incident.id[:_SHOWN]}  {local(incident.started)}  {lasted:>10}"
    return printable(f"{begin}  {incident.severity:<8}  {incident.message}{label}") + "\n"


def _answer(answer: Answer, *, as_json: bool) -> str:
    if as_json:
        return orjson.dumps({"time": answer.time} | answer.data).decode() + "\n"
    data = answer.data
    about = data["error"] or data.get("incident") or data["sensor"]
    return printable(f"{local(answer.time)}  {data['do']:<11}  {data['by'] or '-':<12}  {about}") + "\n"


def _json(incident: Incident, group: Group) -> str:
    more = {"open": incident.open, "group": group.first.id}
    return orjson.dumps(incident._asdict() | more).decode() + "\n"
