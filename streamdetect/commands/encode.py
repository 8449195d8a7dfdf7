"""`streamdetect encode`."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from streamdetect.bundles.bundle import Bundle
from streamdetect.commands import bundle_options, outputs, recording_options
from streamdetect.config import DetectorConfig
from streamdetect.core.cutting import READINGS_AT_ONCE
from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings
from streamdetect.errors import DataError
from streamdetect.offline.backtest.tables import iso
from streamdetect.service.assembly import detector_settings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from streamdetect.bundles.runtime import Encode
    from streamdetect.offline.recordings import Recording


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect encode`."""
    recording_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] --bundle DIR DATA [DATA ...]"
    parser.add_argument("--bundle", metavar="DIR", required=True, help="a bundle with an encoder")
    parser.add_argument(
        "-o", "--out", metavar="FILE", type=Path, help="the CSV file to write [the standard output]"
    )
    parser.add_argument("--stride", metavar="N", type=int, default=1, help="encode every n-th window [1]")
    bundle_options.add_max_gap(parser)


def run(args: Namespace) -> int:
    """Write a row a window: the sensor, the time of the window's newest reading, its latent vector."""
    if args.stride < 1 or not args.max_gap > 0:
        raise DataError(f"--stride and --max-gap: must be > 0, got {args.stride} and {args.max_gap:g}")
    if args.out is not None:
        outputs.check_file(args.out)
    bundle = Bundle.load(args.bundle)
    encode = bundle.encoder()
    settings = detector_settings(DetectorConfig(), bundle.manifest)
    settings = replace(settings, stride=args.stride, max_gap=args.max_gap)
    detector = Detector(settings, lambda windows: windows)  # cuts the windows, and never judges one
    whose = f"the bundle {args.bundle}"
    found = recording_options.from_arguments(args, bundle.manifest.features, whose)
    with ExitStack() as files:
        try:
            file = files.enter_context(args.out.open("w", newline="")) if args.out else sys.stdout
            _write(file, detector, encode, found)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DataError(f"{args.out or 'output'}: cannot be written: {error.strerror}") from error
    return 0


def _write(file: IO[str], detector: Detector, encode: Encode, found: Sequence[Recording]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    rows = _rows(detector, encode, found)
    first = next(rows, None)
    if first is None:
        wanted = detector.settings.cutting.first_steps
        raise DataError(
            f"recordings: must have {wanted} readings of one sensor without a gap: a window has so many"
        )
    writer.writerow(["sensor", "time", *(f"latent_{place}" for place in range(len(first) - 2))])
    writer.writerow(first)
    writer.writerows(rows)


def _rows(detector: Detector, encode: Encode, found: Sequence[Recording]) -> Iterator[list[object]]:
    for recording in found:
        for start in range(0, len(recording), READINGS_AT_ONCE):
            part = slice(start, start + READINGS_AT_ONCE)
            times, values = recording.times[part], recording.values[part]
            pushed = detector.push(Readings([recording.sensor] * len(times), times, values))
            for at, latent in zip(pushed.index.tolist(), encode(pushed.windows), strict=True):
                # As text a float32 is as short as tells it from its neighbours.
                yield [recording.sensor, iso(float(times[at])), *map(str, latent)]
