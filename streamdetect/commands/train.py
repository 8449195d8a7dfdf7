"""`streamdetect train`."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import TYPE_CHECKING

from streamdetect.bundles.architecture import ACTIVATIONS, Architecture
from streamdetect.commands import bundle_options, recording_options
from streamdetect.commands.bundle_options import setting
from streamdetect.training.architectures import RECIPES
from streamdetect.training.fit import train
from streamdetect.training.settings import LOSSES, TrainingSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from streamdetect.training.fit import TrainingReport


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect train`."""
    recording_options.add_arguments(parser)
    bundle_options.add_output_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    model = parser.add_argument_group("model")
    model.add_argument(
        "--architecture",
        choices=RECIPES,
        default=bundle_options.DEFAULT.architecture.name,
        help="[%(default)s]",
    )
    model.add_argument(
        "--units", metavar="N,N", type=_units, default=(), help="layer sizes, from the outside in"
    )
    model.add_argument(
        "--activation", choices=ACTIVATIONS, help="LSTMs: tanh, relu or sigmoid [tanh; relu in others]"
    )
    model.add_argument("--latent", metavar="N", type=int, default=0, help="size of the compressed window")
    model.add_argument("--dropout", metavar="SHARE", type=float, help="of each hidden layer, while training")
    model.add_argument("--kernel", metavar="N", type=int, help="readings that one convolution sees")
    fit = parser.add_argument_group("training")
    setting(fit, "--time-steps", "readings in a window")
    setting(fit, "--min-steps", "readings from which `masked` judges a window; 0: half of a window")
    bundle_options.add_window_arguments(fit)
    setting(fit, "--loss", "what the fit makes small", choices=LOSSES)
    setting(fit, "--learning-rate", "of Adam")
    setting(fit, "--epochs", "at most")
    setting(fit, "--batch-size", "windows per step")
    setting(fit, "--validation-split", "share of the latest windows held out of the fit")
    setting(fit, "--patience", "epochs without improvement that end the fit; 0: never")
    setting(fit, "--seed", "of weights, dropout and shuffling")
    fit.add_argument("--no-shuffle", action="store_true", help="keep the windows in order")


def run(args: Namespace) -> int:
    """Train on recordings; prints what came of it."""
    found = recording_options.normal_from_arguments(args)
    series, settings = bundle_options.normal_series(found), _settings(args)
    report = train(series, settings, args.out, features=bundle_options.features_of(found), quiet=args.quiet)
    prefix = bundle_options.pictures(args)
    drawn = [_draw_loss(report, prefix), *bundle_options.draw(report, found, prefix)]
    sys.stdout.write(bundle_options.summary(report, _training(report, settings), drawn))
    return 0


def _settings(args: Namespace) -> TrainingSettings:
    shape = {"name": args.architecture, "units": args.units, "activation": args.activation}
    shape |= {"latent": args.latent}
    shape |= {name: value for name in ("dropout", "kernel") if (value := getattr(args, name)) is not None}
    names = {field.name for field in fields(TrainingSettings)} - {"architecture", "shuffle"}
    given = {name: getattr(args, name) for name in names}
    return TrainingSettings(Architecture(**shape), shuffle=not args.no_shuffle, **given)


def _draw_loss(report: TrainingReport, prefix: Path) -> Path:
    from streamdetect.offline import plots  # noqa: PLC0415 - matplotlib takes a second to import

    path = prefix.with_name(f"{prefix.name}-loss.png")
    plots.training_loss(report.history, path)
    return path


def _training(report: TrainingReport, settings: TrainingSettings) -> list[str]:
    loss, held_out = report.history["loss"], report.history.get("val_loss")
    series = len(report.bundle.manifest.trained_on)
    epochs = f"{len(loss)} of {settings.epochs} epochs in {report.seconds:.0f} s"
    return [
        f"training   {report.windows:,} windows of {series} series, {epochs}",
        f"loss       {loss[-1]:.4g}" + (f", held out {held_out[-1]:.4g}" if held_out else ""),
    ]


def _units(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
