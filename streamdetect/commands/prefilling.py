"""The recordings that a daemon begins with, and the progress through them."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.commands import recording_options
from streamdetect.commands.progress import progress
from streamdetect.core.readings import Readings
from streamdetect.errors import DataError
from streamdetect.offline.recordings import Recording, describe, with_features
from streamdetect.offline.recordings.joining import joined
from streamdetect.offline.recordings.series import as_series

if TYPE_CHECKING:
    from argparse import Namespace

    from streamdetect.commands.progress import Advance
    from streamdetect.service.assembly import Assembly
    from streamdetect.service.daemon import Daemon

log = logging.getLogger(__name__)


def prefill(daemon: Daemon, args: Namespace) -> None:
    """Feed each detector the recordings that are for it.

    Raises:
        DataError: a recording cannot be read, or no detector can be found for it.
    """
    found = {
        assembly.name: _recordings(assembly, paths, args)
        for assembly, paths in _by_detector(daemon.pipeline.assemblies, args)
    }
    total, done, began = sum(len(one) for one in chain(*found.values())), 0, time.monotonic()
    with progress("prefill", total) as draw:
        for name, recordings in found.items():
            readings = _readings(recordings)
            daemon.prefill(name, readings, partial(_further, draw, done))
            done += len(readings.sensors)
    took = time.monotonic() - began
    log.info("began with %d readings of %d sensors, in %.1f s", total, len([*chain(*found.values())]), took)


def _further(draw: Advance, before: int, done: int) -> None:
    draw(before + done)


def _by_detector(assemblies: list[Assembly], args: Namespace) -> list[tuple[Assembly, list[Path | str]]]:
    """Group recordings by detector: a folder of `record` names it, others are for the only or given one."""
    names = {assembly.name for assembly in assemblies}
    if args.detector is not None and args.detector not in names:
        raise DataError(f"--detector: must be one of {', '.join(sorted(names))}, got {args.detector!r}")
    found = []
    for assembly in assemblies:
        own = [Path(path, assembly.name) for path in args.data if Path(path, assembly.name).is_dir()]
        plain = [path for path in args.data if not any(Path(path, name).is_dir() for name in names)]
        if plain and args.detector is None and len(assemblies) > 1:
            raise DataError(f"{plain[0]}: which detector is it for? --detector {'|'.join(sorted(names))}")
        paths = [*own, *(plain if args.detector in {None, assembly.name} else [])]
        if paths:
            found.append((assembly, paths))
    return found


def _recordings(assembly: Assembly, paths: list[Path | str], args: Namespace) -> list[Recording]:
    config, layout = assembly.config, recording_options.layout_from(args)
    if layout.sensor_column is None and all(Path(path).is_dir() for path in paths):
        layout = replace(layout, sensor_column="sensor")
    keeps = config.missing != "drop" or config.join is not None
    found = recording_options.read_all(paths, replace(layout, partial=keeps))
    found = with_features(found, assembly.bundle.manifest.features, f"the bundle {config.bundle}")
    sys.stderr.write("\n".join(describe(found)) + "\n")
    if config.join is not None:
        found = [joined(one, config.join.tolerance) for one in found]
    return as_series(found, config.series)


def _readings(recordings: list[Recording]) -> Readings:
    # Names as the data spells them: they are ids of the daemon's own.
    return Readings(
        list(chain.from_iterable([one.name] * len(one) for one in recordings)),
        np.concatenate([one.times for one in recordings]),
        np.concatenate([one.values for one in recordings]),
    )
