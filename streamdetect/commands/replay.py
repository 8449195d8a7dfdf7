"""`streamdetect replay`."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from streamdetect.commands import recording_options
from streamdetect.commands.broker_options import add_broker_arguments, broker_from
from streamdetect.commands.numbers import positive
from streamdetect.commands.progress import progress
from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.publisher import Publisher
from streamdetect.offline.replay import Messages

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_NAP = 0.5  # s; the longest sleep without a look at the progress bar


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect replay`."""
    recording_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] DATA [DATA ...]"
    group = parser.add_argument_group("broker")
    add_broker_arguments(group)
    group.add_argument("--topic", default="sensors/{sensor}", help="the topic of each sensor [%(default)s]")
    group.add_argument("--qos", type=int, choices=(0, 1), default=1, help="the quality of service [1]")
    group.add_argument(
        "--patience",
        metavar="SECONDS",
        type=positive,
        default=30.0,
        help="give up when the broker acknowledges nothing for so long [30]",
    )
    group = parser.add_argument_group("messages")
    group.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="how many times as fast as it was recorded; 0: as fast as the broker takes it [1]",
    )
    group.add_argument(
        "--payload",
        choices=("json", "number"),
        default="json",
        help='json: {"time": …, "value": …}, with several columns their names; number: only the value [json]',
    )
    group.add_argument(
        "--time",
        choices=("payload", "now"),
        default="payload",
        help="the time in a payload: `payload` is that of the recording, `now` that of sending [payload]",
    )


def run(args: Namespace) -> int:
    """Publish the recordings; 0 if the broker took every reading, 1 otherwise."""
    settings = broker_from(args)
    messages = Messages(recording_options.from_arguments(args), args.topic, args.payload)
    sensors = f"{len(messages.recordings)} sensor" + ("s" if len(messages.recordings) > 1 else "")
    started = time.monotonic()
    with Publisher(settings, args.qos, args.patience) as publisher:
        problem = _publish(messages, publisher, args)
    done = "acknowledged" if args.qos else "sent"
    took = time.monotonic() - started
    sys.stdout.write(
        f"{done} {publisher.confirmed:,} of {len(messages):,} readings of {sensors} on {args.topic} "
        f"in {took:.1f} s\n"
    )
    if problem or publisher.confirmed < len(messages):
        sys.stderr.write(f"streamdetect replay: {problem or publisher.problem}\n")
        return 1
    return 0


def _publish(messages: Messages, publisher: Publisher, args: Namespace) -> str:
    """Publish everything at its time; return what went wrong, if anything did."""
    with progress("replay", len(messages)) as show:
        started = time.monotonic()
        try:
            for message in messages:
                if args.speed:
                    _sleep_until(started + message.due / args.speed)
                moment = message.time if args.time == "payload" else time.time()
                publisher.publish(messages.topics[message.sensor], messages.payload(message, moment))
                show(publisher.confirmed)
            publisher.finish()
        except StreamdetectError as error:
            return str(error)
        except KeyboardInterrupt:
            return "interrupted"
    return ""


def _sleep_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, _NAP))


def _speed(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ArgumentTypeError(f"must be >= 0, got {text}")
    return number
