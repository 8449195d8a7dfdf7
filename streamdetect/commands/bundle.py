"""`streamdetect bundle`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamdetect.commands import bundle_options, recording_options
from streamdetect.training.imported import bring

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect bundle`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=Path,
        help="a .keras, .onnx or .tflite file that maps (None, T, F) to (None, T, F)",
    )
    recording_options.add_arguments(parser, "--normal")
    parser.usage = "%(prog)s [options] --normal DATA [DATA ...] -o DIR MODEL"
    bundle_options.add_output_arguments(parser)
    group = parser.add_argument_group("model")
    group.add_argument(
        "--time-steps",
        metavar="N",
        type=int,
        help="how many readings a window has, if the model takes any number",
    )
    group.add_argument(
        "--latent-layer",
        metavar="NAME",
        help="the layer whose output is the latent vector [latent, if there is one]",
    )
    bundle_options.add_window_arguments(group)


def run(args: Namespace) -> int:
    """Measure the model on the normal recordings; print the result."""
    prefix = bundle_options.pictures(args)
    found = recording_options.normal_from_arguments(args)
    series = bundle_options.normal_series(found)
    settings = replace(
        bundle_options.DEFAULT, **{name: getattr(args, name) for name in bundle_options.WINDOWS}
    )
    report = bring(
        args.model,
        series,
        settings,
        args.out,
        time_steps=args.time_steps,
        latent_layer=args.latent_layer,
        features=bundle_options.features_of(found),
    )
    measured = f"measured   {report.windows:,} windows of {len(series)} series"
    drawn = bundle_options.draw(report, found, prefix)
    sys.stdout.write(bundle_options.summary(report, [measured], drawn))
    return 0
