"""`streamdetect train`."""

from __future__ import annotations

import sys
from argparse import BooleanOptionalAction
from dataclasses import fields
from typing import TYPE_CHECKING

from streamdetect.bundles.architecture import ACTIVATIONS, Architecture
from streamdetect.commands import bundle_options, recording_options
from streamdetect.commands.bundle_options import DEFAULT, setting
from streamdetect.training.architectures import RECIPES
from streamdetect.training.choice import choose
from streamdetect.training.fit import train
from streamdetect.training.settings import LOSSES, TrainingSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from pathlib import Path

    from streamdetect.training.fit import TrainingReport
    from streamdetect.training.series import Series

SHAPE = ("units", "activation", "latent", "dropout", "kernel")  # options of an architecture


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect train`."""
    recording_options.add_arguments(parser)
    bundle_options.add_output_arguments(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="print neither a progress bar nor what is chosen"
    )
    parser.add_argument(
        "--auto",
        action=BooleanOptionalAction,
        default=True,
        help="choose the options marked [chosen] from the recording",
    )
    model = parser.add_argument_group("model")
    model.add_argument("--architecture", choices=RECIPES, help="[chosen: dense, or conv for long windows]")
    model.add_argument("--units", metavar="N,N", type=_units, help="layer sizes, from the outside in")
    model.add_argument(
        "--activation", choices=ACTIVATIONS, help="LSTMs: tanh, relu or sigmoid [tanh; relu in others]"
    )
    model.add_argument("--latent", metavar="N", type=int, help="size of the compressed window")
    model.add_argument("--dropout", metavar="SHARE", type=float, help="of each hidden layer, while training")
    model.add_argument("--kernel", metavar="N", type=int, help="readings that one convolution sees")
    fit = parser.add_argument_group("training")
    setting(fit, "--time-steps", "readings in a window", chosen=True)
    setting(fit, "--min-steps", "readings from which `masked` judges a window; 0: half of a window")
    bundle_options.add_window_arguments(fit, chosen=True)
    setting(fit, "--loss", "what the fit makes small", choices=LOSSES)
    setting(fit, "--learning-rate", "of Adam")
    setting(fit, "--epochs", "at most", chosen=True)
    setting(fit, "--batch-size", "windows per step", chosen=True)
    setting(fit, "--validation-split", "share of the latest windows held out of the fit")
    setting(fit, "--patience", "epochs without improvement that end the fit; 0: never")
    setting(fit, "--seed", "of weights, dropout and shuffling")
    fit.add_argument("--no-shuffle", action="store_true", help="keep the windows in order")


def run(args: Namespace) -> int:
    """Train on recordings; prints what came of it.

    Raises:
        KeyboardInterrupt: it was stopped, once the best so far is written.
    """
    prefix = bundle_options.pictures(args)
    found = recording_options.normal_from_arguments(args)
    series = bundle_options.normal_series(found)
    settings = _settings(args, series)
    report = train(series, settings, args.out, features=bundle_options.features_of(found), quiet=args.quiet)
    drawn = [_draw_loss(report, prefix), *bundle_options.draw(report, found, prefix)]
    sys.stdout.write(bundle_options.summary(report, _training(report, settings), drawn))
    if report.interrupted:
        raise KeyboardInterrupt
    return 0


def _settings(args: Namespace, series: Sequence[Series]) -> TrainingSettings:
    """What is given, and the rest chosen, or as it is by default."""
    names = {field.name for field in fields(TrainingSettings)} - {"architecture", "shuffle"}
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    given["shuffle"] = not args.no_shuffle
    shape = {name: value for name in SHAPE if (value := getattr(args, name)) is not None}
    if args.architecture or shape:
        given["architecture"] = Architecture(args.architecture or DEFAULT.architecture.name, **shape)
    if not args.auto:
        return TrainingSettings(**given)
    choice = choose(series, given)
    if not args.quiet:
        sys.stderr.writelines(f"chosen     {line}\n" for line in choice.lines())
    return choice.settings


def _draw_loss(report: TrainingReport, prefix: Path) -> Path:
    from streamdetect.offline import plots  # noqa: PLC0415 - matplotlib takes a second to import

    path = prefix.with_name(f"{prefix.name}-loss.png")
    plots.training_loss(report.history, path)
    return path


def _training(report: TrainingReport, settings: TrainingSettings) -> list[str]:
    loss, held_out = report.history["loss"], report.history.get("val_loss")
    series = len(report.bundle.manifest.trained_on)
    epochs = f"{len(loss)} of {settings.epochs} epochs in {report.seconds:.0f} s"
    epochs += ", stopped by Ctrl-C: the best of them is kept" if report.interrupted else ""
    return [
        f"training   {report.windows:,} windows of {series} series, {epochs}",
        f"loss       {loss[-1]:.4g}" + (f", held out {held_out[-1]:.4g}" if held_out else ""),
    ]


def _units(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
