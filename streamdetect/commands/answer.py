"""`streamdetect answer`."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import orjson

from streamdetect.commands.config_option import add_config
from streamdetect.commands.incidents import named
from streamdetect.commands.spans import span
from streamdetect.config import load
from streamdetect.config.commands import command
from streamdetect.errors import ConfigError, StreamdetectError
from streamdetect.logs import printable
from streamdetect.mqtt.asker import Asker
from streamdetect.store.history import HISTORY

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

_PATIENCE = 10.0  # s
_WHOLE_ID = 32  # characters


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect answer`."""
    add_config(parser, "the daemon's configuration: broker and topics", required=True)
    parser.add_argument("--by", metavar="NAME", default="", help="your name, which is kept with the answer")
    commands = parser.add_subparsers(dest="do", metavar="COMMAND", required=True)
    mute = commands.add_parser("mute", help="send no more messages about a sensor")
    mute.add_argument("sensor", help="a sensor, or a pattern with * and ?")
    mute.add_argument(
        "--for",
        dest="lasts",
        metavar="TIME",
        type=span,
        help="for how long, such as 2h or 7d [until it is unmuted]",
    )
    unmute = commands.add_parser("unmute", help="send messages about it again")
    unmute.add_argument("sensor", help="the sensor or pattern that was muted")
    for word, text in (
        ("false", "say that an incident was a false alarm"),
        ("true", "say that an incident was real"),
    ):
        judge = commands.add_parser(word, help=text)
        judge.add_argument("incident", help="its id; the first characters do where its history is")
    sensitivity = commands.add_parser("sensitivity", help="make a sensor more or less sensitive")
    sensitivity.add_argument("sensor", help="a sensor, or a pattern with * and ?")
    sensitivity.add_argument(
        "value", type=float, help="the factor: 1 is as configured, 0.5 half as sensitive"
    )


def run(args: Namespace) -> int:
    """Send a command to the daemon, and print its answer."""
    config = load(args.config)
    if not config.answers.enabled:
        raise StreamdetectError(f"{args.config}: the daemon takes no commands without answers.enabled: true")
    request = secrets.token_hex(8)
    history = config.state.path / HISTORY if config.state.path else None
    if "incident" in args and len(args.incident) < _WHOLE_ID and history and history.exists():
        args.incident = named(history, args.incident).id
    payload = orjson.dumps(_command(args) | {"request": request})
    try:
        command(payload)
    except ConfigError as error:  # the daemon would refuse it
        raise StreamdetectError(str(error)) from None  # the configuration is valid
    with Asker(config.mqtt, _PATIENCE) as asker:
        answer = asker.ask(
            config.events.command_topic,
            payload,
            config.events.answers_topic,
            lambda heard: _data(heard).get("request") == request,
        )
    return _say(_data(answer))


def _command(args: Namespace) -> dict[str, Any]:
    given = {"sensor": "sensor", "incident": "incident", "lasts": "for", "value": "value"}
    options = {key: getattr(args, name, None) for name, key in given.items()}
    options |= {"do": args.do, "by": args.by}
    return {key: value for key, value in options.items() if value is not None}


def _say(data: dict[str, Any]) -> int:
    if data["error"]:
        raise StreamdetectError(str(data["error"]))
    sys.stdout.write(printable(f"{data['do']}: {data['sensor']}{_remark(data)}") + "\n")
    return 0


def _remark(data: dict[str, Any]) -> str:
    if data.get("again"):
        return " (that was said before)"
    return " (no sensor of that name is known yet)" if data.get("sensors") == 0 else ""


def _data(payload: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(payload)["data"]
    except (LookupError, TypeError, orjson.JSONDecodeError):
        return {}  # of another publisher
    return found if isinstance(found, dict) else {}
