"""`streamdetect train`."""

from __future__ import annotations

import sys
from argparse import BooleanOptionalAction
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from streamdetect.bundles.architecture import ACTIVATIONS, Architecture
from streamdetect.bundles.bundle import Bundle
from streamdetect.commands import bundle_options, recording_options
from streamdetect.commands.bundle_options import DEFAULT, setting
from streamdetect.errors import BundleError
from streamdetect.training.architectures import RECIPES
from streamdetect.training.choice import begun, choose
from streamdetect.training.fit import train
from streamdetect.training.settings import LOSSES, TrainingSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streamdetect.training.fit import TrainingReport
    from streamdetect.training.series import Series

SHAPE = ("units", "activation", "latent", "dropout", "kernel")  # options of an architecture


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect train`."""
    recording_options.add_arguments(parser)
    parser.usage = "%(prog)s [options] -o DIR DATA [DATA ...]"
    bundle_options.add_output_arguments(parser)
    parser.add_argument(
        "--quiet", action="store_true", help="print neither a progress bar nor the chosen options"
    )
    parser.add_argument(
        "--auto",
        action=BooleanOptionalAction,
        default=True,
        help="choose the options marked [chosen] from the recording",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue a training that Ctrl-C stopped, with the same --out and data",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--architecture",
        choices=RECIPES,
        help="the kind of autoencoder [chosen: dense, or conv for long windows]",
    )
    model.add_argument(
        "--units", metavar="N,N", type=_units, help="the sizes of its layers, from the outside in"
    )
    model.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        help="the activation; LSTMs take tanh, relu or sigmoid [tanh for LSTMs, else relu]",
    )
    model.add_argument("--latent", metavar="N", type=int, help="the size of the compressed window")
    model.add_argument(
        "--dropout",
        metavar="SHARE",
        type=float,
        help="the share of each hidden layer that is dropped in training",
    )
    model.add_argument("--kernel", metavar="N", type=int, help="how many readings one convolution sees")
    fit = parser.add_argument_group("training")
    setting(fit, "--time-steps", "readings in a window", chosen=True)
    setting(fit, "--min-steps", "how many readings a window needs for `masked` to judge it; 0: half of them")
    bundle_options.add_window_arguments(fit, chosen=True)
    setting(fit, "--loss", "the loss that training minimises", choices=LOSSES)
    setting(fit, "--learning-rate", "the learning rate of Adam")
    setting(fit, "--epochs", "how many epochs at most", chosen=True)
    setting(fit, "--batch-size", "how many windows a step takes", chosen=True)
    setting(fit, "--validation-split", "the share of the latest windows that are held out of the training")
    setting(fit, "--patience", "after how many epochs without improvement training stops; 0: never")
    setting(fit, "--seed", "the seed of weights, dropout and shuffling")
    fit.add_argument("--no-shuffle", action="store_true", help="keep the windows in their order")


def run(args: Namespace) -> int:
    """Train on recordings; print the result.

    Raises:
        KeyboardInterrupt: it was stopped, once the best so far is written.
    """
    prefix = bundle_options.pictures(args)
    found = recording_options.normal_from_arguments(args)
    series = bundle_options.normal_series(found)
    resumed = Bundle.load(args.out) if args.resume else None
    settings = _settings(args, series, resumed)
    features = bundle_options.features_of(found)
    report = train(series, settings, args.out, features=features, resumed=resumed, quiet=args.quiet)
    drawn = [_draw_loss(report, prefix), *bundle_options.draw(report, found, prefix)]
    sys.stdout.write(bundle_options.summary(report, _training(report, settings), drawn))
    if report.interrupted:
        raise KeyboardInterrupt
    return 0


def _settings(args: Namespace, series: Sequence[Series], resumed: Bundle | None) -> TrainingSettings:
    """Return the given settings, with the others chosen, at their defaults, or as the stopped training had.

    Raises:
        BundleError: the interrupted training has nothing left to do.
    """
    names = {field.name for field in fields(TrainingSettings)} - {"architecture", "shuffle"}
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    given["shuffle"] = not args.no_shuffle
    shape = {name: value for name in SHAPE if (value := getattr(args, name)) is not None}
    if args.architecture or shape:
        given["architecture"] = Architecture(args.architecture or DEFAULT.architecture.name, **shape)
    if resumed:
        return _going_on(resumed, given)
    if not args.auto:
        return TrainingSettings(**given)
    choice = choose(series, given)
    if not args.quiet:
        sys.stderr.writelines(f"chosen     {line}\n" for line in choice.lines())
    return choice.settings


def _going_on(resumed: Bundle, given: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of the interrupted training; only the epochs may be others."""
    was = begun(resumed)
    differ = [name for name, value in given.items() if name != "epochs" and value != was.get(name, value)]
    if differ:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in differ)
        raise BundleError(
            f"{resumed.path}: must continue with the settings it was started with, got another {names}"
        )
    settings = TrainingSettings(**was | {"epochs": given.get("epochs", was["epochs"])})
    done = resumed.manifest.training.epochs_run if resumed.manifest.training else 0
    if done >= settings.epochs:
        raise BundleError(
            f"{resumed.path}: must have epochs left, got {done} of {settings.epochs} done; raise --epochs"
        )
    return settings


def _draw_loss(report: TrainingReport, prefix: Path) -> Path:
    from streamdetect.offline import plots  # noqa: PLC0415 - matplotlib takes a second to import

    path = prefix.with_name(f"{prefix.name}-loss.png")
    plots.training_loss(report.history, path)
    return path


def _training(report: TrainingReport, settings: TrainingSettings) -> list[str]:
    loss, held_out = report.history["loss"], report.history.get("val_loss")
    manifest = report.bundle.manifest
    series, run = len(manifest.trained_on), manifest.training.epochs_run if manifest.training else len(loss)
    epochs = f"{run} of {settings.epochs} epochs in {report.seconds:.0f} s"
    epochs += ", stopped by Ctrl-C: the best of them is kept, --resume goes on" if report.interrupted else ""
    return [
        f"training   {report.windows:,} windows of {series} series, {epochs}",
        f"loss       {loss[-1]:.4g}" + (f", held out {held_out[-1]:.4g}" if held_out else ""),
    ]


def _units(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
