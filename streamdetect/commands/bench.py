"""`streamdetect bench`: the load that this machine carries with a configuration and its bundles."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streamdetect.commands.config_option import add_config
from streamdetect.config import Config, load
from streamdetect.demo.broker import EmbeddedBroker
from streamdetect.demo.carrying import Carrying, isolated, state_folder
from streamdetect.demo.mosquitto import Mosquitto, installed
from streamdetect.mqtt.inbox import Message
from streamdetect.mqtt.receiving import receiving_rate
from streamdetect.service.assembly import assemble
from streamdetect.service.gathering import Gathering
from streamdetect.service.pipeline import Pipeline

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Mapping

    from streamdetect.demo.carrying import Carried
    from streamdetect.service.assembly import Assembly

SENSORS = 1000
SEED = 0
START = 1.7e9  # Unix seconds of the first reading
LARGEST = 1 << 24  # bytes of a payload
MODEL_WINDOWS = 4096  # windows that the model alone is timed on
MOST_MESSAGES = 500_000  # through a broker: 150 MB while they are sent
_NO_BROKER = "apt-get install mosquitto, or pip install 'streamdetect[demo]'"
_HOLDS_BACK = {
    "broker": "the broker: it was busy nearly all the time",
    "daemon": "the daemon: Python runs on one core at a time, and it was busy nearly all the time",
    "cores": "the cores of this machine: broker, publisher and daemon together were busy nearly all the time",
    "commit": "the disk: the daemon waited for it more than half of the time",
    "waiting": "nothing of these: other programs had the cores, or they waited for each other",
}
_HELPS = {
    "broker": "another broker, or one on a machine of its own",
    "daemon": "several daemons with a part of the topics each, as long as there are cores for them",
    "cores": "more cores, or broker and senders on another machine, as they mostly are",
    "commit": "a faster disk; a larger mqtt.max_undelivered_messages, so that a commit is for more of them",
    "waiting": "nothing else running beside it, and to measure again",
}
_HELPS_DAEMON = {
    "receive and answer": "several readings in a message (a list, line protocol)",
    "decode": "several readings in a message, or a shorter payload",
    "judge and commit": "fewer views (detectors[].views), or fewer features",
    "model": "a smaller model, detectors[].threads, or runtime: openvino",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect bench`."""
    add_config(parser, "the configuration [the defaults, with the general bundle]")
    parser.add_argument(
        "--sensors", metavar="N", type=int, default=SENSORS, help="how many sensors to simulate [%(default)s]"
    )
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=float,
        default=1.0,
        help="how long between two readings of a sensor [1]",
    )
    parser.add_argument(
        "--turns", metavar="N", type=int, default=20, help="how many readings of each sensor are timed [20]"
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=float,
        default=3.0,
        help="how long messages are sent through a broker; 0: not at all [3]",
    )


class Alone(NamedTuple):
    """The speed of the parts of one detector's work, each by itself."""

    model: float  # windows a second
    judged: float  # readings a second, from decoding to the verdict
    received: float  # messages a second into the inbox
    decode: float  # s of a core a message
    cost: float  # s of a core a message, all of it

    @property
    def whole(self) -> float:
        """Messages a second, at the worst: the network thread runs beside nothing but the model."""
        return 1 / (1 / self.received + 1 / self.judged)


def run(args: Namespace) -> int:
    """Time what each message goes through by itself, then all of it together, with a broker."""
    config = load(args.config) if args.config else Config.defaults()
    out = sys.stdout.write
    out(f"machine    {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    found = {}
    for at, assembly in enumerate(assemble(config)):
        alone = found[assembly.name] = measure(config, at, args.sensors, args.turns)
        for line in _alone(assembly, alone, config.mqtt.qos, args):
            out(f"{line}\n")
    if args.seconds > 0:
        _together(config, args, found)
    return 0


def _alone(assembly: Assembly, alone: Alone, qos: int, args: Namespace) -> Iterator[str]:
    """Describe the speed of one detector's parts, line by line."""
    manifest, asked = assembly.bundle.manifest, args.sensors / args.every
    shape = f"{manifest.model_name}, windows of {manifest.time_steps} x {len(manifest.features)}"
    share = alone.judged / alone.model
    yield f"\n{assembly.name}: bundle {assembly.config.bundle} ({shape})"
    yield f"  model alone      {alone.model:>12,.0f} windows/s"
    yield f"  decode to verdict{alone.judged:>12,.0f} readings/s, {share:.0%} of the model"
    yield f"  receive          {alone.received:>12,.0f} messages/s at QoS {qos}, in bulk, no TLS"
    yield f"  without a broker {alone.whole:>12,.0f} messages/s, {alone.cost * 1e6:.1f} µs of a core each"
    yield f"  {args.sensors:,} sensors, a reading every {args.every:g} s: {asked * alone.cost:.1%} of a core"
    yield f"  half a core carries {args.every / alone.cost / 2:,.0f} such sensors"


def _together(config: Config, args: Namespace, alone: Mapping[str, Alone]) -> None:
    """Measure the load with a broker and a publisher on this machine, and name the bottleneck."""
    out = sys.stdout.write
    chosen = _broker()
    if chosen is None:
        out(f"\nwith a broker: none is here to measure with; {_NO_BROKER}\n")
        return
    with chosen as broker, ExitStack() as folders:
        folder = state_folder(config)
        state = None if folder is None else Path(folders.enter_context(folder))
        out(f"\nwith {broker.name} and a publisher on this machine, at QoS {config.mqtt.qos}, ")
        out(f"{'state in memory' if state is None else f'state on the disk of {state.parent}'}:\n")
        models = {name: 1 / one.model for name, one in alone.items()}
        with Carrying(isolated(config, broker, state), broker, models) as carrying:
            carried = _carried(carrying, config, args.sensors, args.turns, args.seconds)
    decode = sum(one.decode for one in alone.values()) / len(alone)
    for line in _told(carried, carried.shares(decode), config.mqtt.qos):
        out(f"  {line}\n")


def _broker() -> Mosquitto | EmbeddedBroker | None:
    """Choose Mosquitto where it is installed, else the demo's broker where that is."""
    if program := installed():
        return Mosquitto(program)
    return EmbeddedBroker() if find_spec("iotcore") else None


def _carried(carrying: Carrying, config: Config, sensors: int, turns: int, seconds: float) -> Carried:
    """Let windows fill, then send for about so many seconds."""
    assemblies = assemble(config)
    warm_up = max(one.detector.settings.time_steps for one in assemblies)
    made = 0

    def messages(more: int) -> list[Message]:
        nonlocal made
        made += more
        by_detector = [_messages(one, sensors, more, made - more) for one in assemblies]
        # Turn by turn, as they come from devices.
        return [
            message
            for start in range(0, more * sensors, sensors)
            for its in by_detector
            for message in its[start : start + sensors]
        ]

    carrying.carry(messages(warm_up))
    first = carrying.carry(messages(turns))
    most = max(1, MOST_MESSAGES // (sensors * len(assemblies)))
    enough = round(first.rate * seconds / (sensors * len(assemblies)))
    return carrying.carry(messages(min(max(turns, enough), most)))


def _told(carried: Carried, shares: Mapping[str, float], qos: int) -> Iterator[str]:
    """Describe the load that was carried, line by line."""
    each, used = carried.each, carried.used
    yield f"carried          {carried.rate:>12,.0f} messages/s"
    parts = ", ".join(f"{name} {each(seconds):.1f}" for name, seconds in shares.items())
    yield f"the daemon       {each(used.process):>12.1f} µs of a core each: {parts}"
    if not math.isnan(used.broker):
        yield f"the broker       {each(used.broker):>12.1f} µs"
    yield f"the publisher    {each(used.publisher):>12.1f} µs"
    yield f"commits          {used.commit / used.wall:>12.0%} of the time, the disk included"
    slowest = carried.bottleneck(os.cpu_count() or 1)
    yield f"held back by     {_HOLDS_BACK[slowest]}"
    yield f"what helps       {_HELPS[slowest]}"
    if slowest in {"daemon", "cores"}:
        largest = max(shares, key=shares.__getitem__)
        yield f"                 in the daemon most goes to {largest}: {_HELPS_DAEMON[largest]}"
    if qos and slowest in {"broker", "cores"}:
        yield "                 mqtt.qos: 0 costs the broker half as much, and may lose messages"


def model_rate(assembly: Assembly) -> float:
    """Windows a second of the model alone, the best of five runs."""
    settings = assembly.detector.settings
    shape = MODEL_WINDOWS, settings.time_steps, settings.features
    windows = np.random.default_rng(SEED).normal(size=shape).astype(np.float32)
    reconstruct = assembly.detector.reconstruct
    return MODEL_WINDOWS / min(_timed(reconstruct, windows) for _ in range(5))


def measure(config: Config, at: int, sensors: int, turns: int) -> Alone:
    """Measure the speed of one detector's parts, with full windows."""
    one = config.model_copy(update={"detectors": config.detectors[at : at + 1]})
    (assembly,) = assemble(one)
    pipeline, gathering = Pipeline([assembly]), Gathering([assembly], [{}])
    warm_up = assembly.detector.settings.time_steps
    messages = _messages(assembly, sensors, warm_up + turns)
    size = config.batch_size
    for start in range(0, warm_up * sensors, size):
        pipeline.process(messages[start : start + size])
    rest = messages[warm_up * sensors :]
    batches = [rest[start : start + size] for start in range(0, len(rest), size)]
    began = time.process_time()
    took = sum(_timed(pipeline.process, batch) for batch in batches)
    cost = (time.process_time() - began) / len(rest)
    for batch in batches:  # for the first time: it learns where topics lead
        gathering.gather(batch)
    began = time.process_time()
    for batch in batches:
        gathering.gather(batch)
    decode = (time.process_time() - began) / len(rest)
    received = receiving_rate(config, rest)
    return Alone(model_rate(assembly), len(rest) / took, received, decode, cost + 1 / received)


def _messages(assembly: Assembly, sensors: int, turns: int, first: int = 0) -> list[Message]:
    """A reading of every sensor a turn, values like a plant's: a period, a level and noise."""
    rng = np.random.default_rng(SEED)
    topics = assembly.config.templates or assembly.config.topics
    topic = partial(assembly.config.payload.codec.topic, topics[0])
    write = partial(assembly.config.payload.codec.write, assembly.config.payload_settings(LARGEST))
    features = assembly.detector.settings.features
    phase, level = rng.uniform(0, 6, sensors), rng.uniform(10, 100, sensors)
    rng = np.random.default_rng((SEED, first))
    messages = []
    for turn in range(first, first + turns):
        wave = level[:, None] + np.sin(phase + turn / 15)[:, None]
        values = (wave + 0.1 * rng.normal(size=(sensors, features))).tolist()
        moment = START + turn
        messages += [
            Message(topic(sensor), write(moment, values[sensor]), 0, 0, 0, moment, retain=False)
            for sensor in range(sensors)
        ]
    return messages


def _timed(function: Any, argument: object) -> float:  # noqa: ANN401 - whatever is timed
    started = time.perf_counter()
    function(argument)
    return time.perf_counter() - started
