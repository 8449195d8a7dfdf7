"""`streamdetect init`."""

from __future__ import annotations

import sys
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from streamdetect.commands.spans import span
from streamdetect.config import validate
from streamdetect.errors import StreamdetectError
from streamdetect.logs import printable
from streamdetect.offline.discovery.hearing import hear
from streamdetect.offline.discovery.proposals import proposals
from streamdetect.offline.discovery.topics import Topics
from streamdetect.offline.discovery.writing import configuration, left_alone, settled

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.offline.discovery.proposals import Proposal


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect init`."""
    parser.add_argument(
        "host", metavar="HOST", help="the broker's name, address or URL, such as mqtts://broker:8883"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("streamdetect.yaml"),
        help="the configuration to write [%(default)s]",
    )
    parser.add_argument(
        "--for", dest="span", metavar="SPAN", type=span, default=60.0, help="how long to listen [60s]"
    )
    parser.add_argument(
        "--topics", metavar="FILTER", nargs="+", default=["#"], help="the topics to listen to [all]"
    )
    parser.add_argument("--username", metavar="NAME", help="the user name at the broker")
    parser.add_argument(
        "--password-file", metavar="FILE", help="a file with the password, closed to other users"
    )
    parser.add_argument("--ca-file", metavar="FILE", help="use TLS, and trust the certificates in this file")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask: take every detector and write the file"
    )


def run(args: Namespace) -> int:
    """Listen, show what was heard, and write a configuration for it."""
    if args.output.exists() and args.yes:
        raise StreamdetectError(f"{args.output}: already exists")
    mqtt = _mqtt(args)
    out = sys.stdout.write
    settings = validate({"mqtt": {**mqtt, "client_id": f"streamdetect-init-{token_hex(3)}"}}).mqtt
    out(f"listening to {settings.address} for {args.span:g} s\n")
    topics = Topics(own=("streamdetect",))
    try:
        for message in hear(settings, args.topics, args.span):
            topics.add(message)
    except KeyboardInterrupt:
        out("\n")
    found = settled(mqtt, proposals(topics), topics)
    if not found:
        raise StreamdetectError(f"{_heard(topics)}, none of which looks like a measurement")
    out(f"{_heard(topics)}\n")
    asks = not args.yes and sys.stdin.isatty()
    chosen = [one for one in found if _shown(one, asks=asks)]
    out("".join(f"\nnot taken: {line}" for line in left_alone(found, topics)) + "\n")
    if chosen and (
        not asks or _asked(f"write {args.output}{' over the existing file' if args.output.exists() else ''}?")
    ):
        args.output.write_text(configuration(mqtt, chosen, topics), encoding="utf-8")
        out(f"wrote {args.output}: `streamdetect check --connect {args.output}` says what it takes\n")
    return 0 if chosen else 1


def _mqtt(args: Namespace) -> dict[str, Any]:
    given = {"host": args.host, "username": args.username, "password_file": args.password_file}
    section = {name: value for name, value in given.items() if value is not None}
    return section | ({"tls": {"enabled": True, "ca_file": args.ca_file}} if args.ca_file else {})


def _heard(topics: Topics) -> str:
    return (
        f"{sum(one.count for one in topics.heard.values())} messages on {len(topics.heard)} topics were heard"
    )


def _shown(one: Proposal, *, asks: bool) -> bool:
    """Show a detector; False if it is not wanted."""
    out = sys.stdout.write
    out(f"\n{one.name} ({one.about}): {', '.join(one.detector['topics'])}\n")
    for heard in one.topics[:10]:
        every = f", every {heard.every:.3g} s" if heard.every else ""
        out(f"  {printable(heard.topic)}: {heard.count} messages{every}\n")
    for field in one.fields.values():
        out(f"    {printable(field.path):<32} {field.kind}\n")
    return not asks or _asked(f"take {one.name}?")


def _asked(question: str) -> bool:
    return input(f"{question} [Y/n] ").strip().lower() in {"", "y", "yes"}
