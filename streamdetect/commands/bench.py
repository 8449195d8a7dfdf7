"""`streamdetect bench`: what can this machine carry with my configuration and bundles?"""

from __future__ import annotations

import os
import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.config import Config, load
from streamdetect.mqtt.inbox import Message
from streamdetect.mqtt.receiving import receiving_rate
from streamdetect.service.assembly import assemble
from streamdetect.service.pipeline import Pipeline

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from streamdetect.service.assembly import Assembly

SENSORS = 1000
SEED = 0
START = 1.7e9  # Unix seconds of the first reading
LARGEST = 1 << 24  # bytes of a payload
MODEL_WINDOWS = 4096  # windows that the model alone is timed on


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect bench`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help="the configuration [the defaults, with the general bundle]",
    )
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


def run(args: Namespace) -> int:
    """Time, without a broker, what each message goes through: receive, decode, push, score, judge."""
    config = load(args.config) if args.config else Config.defaults()
    out = sys.stdout.write
    out(f"machine    {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    for at, assembly in enumerate(assemble(config)):
        alone = model_rate(assembly)
        judged, received, cost = rates(config, at, args.sensors, args.turns)
        # At the worst: the network thread runs beside the model, and beside nothing else.
        whole, asked = 1 / (1 / received + 1 / judged), args.sensors / args.every
        cost += 1 / received
        manifest = assembly.bundle.manifest
        shape = f"{manifest.model_name}, windows of {manifest.time_steps} x {len(manifest.features)}"
        out(f"\n{assembly.name}: bundle {assembly.config.bundle} ({shape})\n")
        out(f"  model alone      {alone:>12,.0f} windows/s\n")
        out(f"  decode to verdict{judged:>12,.0f} readings/s, {judged / alone:.0%} of the model\n")
        out(f"  receive          {received:>12,.0f} messages/s at QoS {config.mqtt.qos}, in bulk, no TLS\n")
        out(f"  both, in turns   {whole:>12,.0f} messages/s, which cost {cost * 1e6:.1f} µs of a core each\n")
        out(f"  {args.sensors:,} sensors, a reading every {args.every:g} s: {asked * cost:.1%} of a core\n")
        out(f"  half a core carries {args.every / cost / 2:,.0f} such sensors\n")
    return 0


def model_rate(assembly: Assembly) -> float:
    """Windows a second of the model alone, the best of five runs."""
    settings = assembly.detector.settings
    shape = MODEL_WINDOWS, settings.time_steps, settings.features
    windows = np.random.default_rng(SEED).normal(size=shape).astype(np.float32)
    reconstruct = assembly.detector.reconstruct
    return MODEL_WINDOWS / min(_timed(reconstruct, windows) for _ in range(5))


def rates(config: Config, at: int, sensors: int, turns: int) -> tuple[float, float, float]:
    """How fast one detector's pipeline is, its windows full.

    Returns:
        Readings a second through it, messages a second into the inbox, and seconds of a core, of all threads
        together, that a reading takes in the pipeline.
    """
    one = config.model_copy(update={"detectors": config.detectors[at : at + 1]})
    (assembly,) = assemble(one)
    pipeline = Pipeline([assembly])
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
    return len(rest) / took, receiving_rate(config, rest), cost


def _messages(assembly: Assembly, sensors: int, turns: int) -> list[Message]:
    """A reading of every sensor a turn, values like a plant's: a period, a level and noise."""
    rng = np.random.default_rng(SEED)
    topic = partial(assembly.config.payload.codec.topic, assembly.config.topics[0])
    write = partial(assembly.config.payload.codec.write, assembly.config.payload_settings(LARGEST))
    features = assembly.detector.settings.features
    phase, level = rng.uniform(0, 6, sensors), rng.uniform(10, 100, sensors)
    messages = []
    for turn in range(turns):
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
