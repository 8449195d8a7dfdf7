"""`streamdetect retrain`."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.bundles import versions
from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.commands import bundle_options, detector_options, recording_options
from streamdetect.commands.config_option import add_config
from streamdetect.config import load
from streamdetect.failpoints import failpoint
from streamdetect.offline import retraining
from streamdetect.offline.recordings.normal import normal
from streamdetect.store.history import HISTORY
from streamdetect.times import rfc3339
from streamdetect.training.choice import choose, kept
from streamdetect.training.fit import train

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect retrain`."""
    recording_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] -c FILE DATA [DATA ...]"
    add_config(parser, "the configuration of the daemon that uses the bundle", required=True)
    parser.add_argument("--detector", metavar="NAME", help="the detector whose bundle it is [the only one]")
    parser.add_argument(
        "--held-out",
        metavar="SHARE",
        type=_share,
        default=0.2,
        help="the share of the time, the latest part, that is held out to compare models [%(default)s]",
    )
    parser.add_argument(
        "--keep", metavar="N", type=_count, default=5, help="how many versions to keep [%(default)s]"
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress bar")


def run(args: Namespace) -> int:
    """Train another model, and make it the active one if it is better; 0 either way."""
    config, state = detector_options.from_file(args.config, args.detector), load(args.config).state.path
    link = Path(config.bundle)
    out, old = versions.fresh(link, time.time()), Bundle.load(link)
    args.data = [_own(path, config.name) for path in args.data]
    found = recording_options.from_arguments(args, old.manifest.features, f"the bundle {link}")
    found = retraining.with_incidents(found, state and state / HISTORY, config.name)
    since = retraining.split(found, args.held_out)
    series = bundle_options.normal_series(normal(retraining.before(found, since)))
    given = {} if _is_general(old) else kept(old.manifest)
    train(series, choose(series, given).settings, out, features=old.manifest.features, quiet=args.quiet)
    failpoint("retrain.trained")
    today, other = (retraining.trial(config, one, found, since) for one in (old, Bundle.load(out)))
    failpoint("retrain.tried")
    sys.stdout.write(f"today  {versions.active(link).name}: {today}\nother  {out.name}: {other}\n")
    if other.is_better_than(today):
        versions.activate(link, out)
        sys.stdout.write(f"active now: {out.name}; send SIGHUP to the daemon to load it\n")
    else:
        sys.stdout.write(f"not better: {versions.active(link).name} stays active\n")
        sys.stdout.writelines(_lost(today.lost(other)))
    versions.prune(link, args.keep)
    return 0


def _own(path: Path | str, detector: str) -> Path | str:
    """Return a detector's folder in a folder of `record`, which has one for each detector."""
    own = Path(path, detector)
    return own if own.is_dir() else path


def _lost(faults: Sequence[tuple[str, float]]) -> Iterator[str]:
    """List the known faults that the other model misses, a line each, and what to do if they were none."""
    for sensor, start in faults:
        yield f"not found by the other: {sensor} at {rfc3339(start, 'seconds')}\n"
    if faults:
        yield "an incident that was nothing holds it up no more: streamdetect answer false INCIDENT\n"


def _is_general(bundle: Bundle) -> bool:
    """Tell whether it is a copy of the general bundle: then nobody chose its settings for these sensors."""
    return bundle.manifest.files.onnx == Bundle.load(GENERAL).manifest.files.onnx


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ArgumentTypeError(f"must be > 0 and < 1, got {text}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"must be >= 1, got {text}")
    return number
