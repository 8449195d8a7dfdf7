"""`streamdetect train`."""

from __future__ import annotations

import sys
from dataclasses import fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdetect import recordings
from streamdetect.backtest.examples import examples
from streamdetect.models.architectures import ACTIVATIONS, NAMES, Architecture
from streamdetect.models.preparing import Series
from streamdetect.models.settings import ERRORS, LOSSES, SCALERS, TrainingSettings
from streamdetect.models.training import train

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from streamdetect.backtest.rebuilding import Rebuilt
    from streamdetect.models.training import TrainingReport

_DEFAULT = TrainingSettings()


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `streamdetect train`; a default stands in TrainingSettings and nowhere else."""
    recordings.add_arguments(parser)
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="the bundle to write")
    parser.add_argument("--plots", metavar="DIR", type=Path, help="for the pictures [beside the bundle]")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    model = parser.add_argument_group("model")
    model.add_argument(
        "--architecture", choices=NAMES, default=_DEFAULT.architecture.name, help="[%(default)s]"
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
    _setting(fit, "--time-steps", "readings in a window")
    _setting(fit, "--min-steps", "readings from which `masked` judges a window; 0: half of a window")
    _setting(fit, "--scaler", "how raw values become the model's input", choices=SCALERS)
    _setting(fit, "--scaler-history", "past readings that the scaler `sensor` looks back on")
    _setting(fit, "--error", "the reconstruction error", choices=ERRORS)
    _setting(fit, "--loss", "what the fit makes small", choices=LOSSES)
    _setting(fit, "--learning-rate", "of Adam")
    _setting(fit, "--epochs", "at most")
    _setting(fit, "--batch-size", "windows per step")
    _setting(fit, "--validation-split", "share of the latest windows held out of the fit")
    _setting(fit, "--patience", "epochs without improvement that end the fit; 0: never")
    _setting(fit, "--seed", "of weights, dropout and shuffling")
    _setting(fit, "--stride", "readings from one window to the next")
    fit.add_argument("--no-shuffle", action="store_true", help="keep the windows in order")
    fit.add_argument(
        "--max-gap", metavar="SECONDS", type=float, default=inf, help="a longer gap restarts the window"
    )


def run(args: Namespace) -> int:
    """Train on recordings; prints what came of it."""
    found = recordings.from_arguments(args)
    series = [Series(one.name, values=one.values, times=one.times) for one in found]
    report = train(series, _settings(args), args.out, features=found[0].features, quiet=args.quiet)
    windows = examples(report.bundle, found, float(report.errors.max()))
    plots = _draw(report, windows, args.plots or args.out.parent, args.out.name)
    sys.stdout.write(_summary(report, plots))
    return 0


def _setting(group: Any, option: str, text: str, **more: Any) -> None:  # noqa: ANN401 - argparse's
    default = getattr(_DEFAULT, option.removeprefix("--").replace("-", "_"))
    kind = {} if "choices" in more else {"type": type(default), "metavar": "N"}
    group.add_argument(option, default=default, help=f"{text} [{default}]", **kind, **more)


def _settings(args: Namespace) -> TrainingSettings:
    shape = {"name": args.architecture, "units": args.units, "activation": args.activation}
    shape |= {"latent": args.latent}
    shape |= {name: value for name in ("dropout", "kernel") if (value := getattr(args, name)) is not None}
    names = {field.name for field in fields(TrainingSettings)} - {"architecture", "shuffle"}
    given = {name: getattr(args, name) for name in names}
    return TrainingSettings(Architecture(**shape), shuffle=not args.no_shuffle, **given)


def _draw(report: TrainingReport, windows: Sequence[Rebuilt], folder: Path, name: str) -> list[Path]:
    from streamdetect import plots  # noqa: PLC0415 - matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    loss, errors, rebuilt = (folder / f"{name}-{what}.png" for what in ("loss", "errors", "windows"))
    plots.training_loss(report.history, loss)
    title = f"Reconstruction errors of {report.windows:,} training windows"
    plots.error_histogram(report.errors, report.threshold, errors, title, report.bundle.manifest.error)
    plots.reconstruction(windows, rebuilt, f"{len(windows)} of {report.windows:,} training windows")
    return [loss, errors, rebuilt]


def _summary(report: TrainingReport, pictures: list[Path]) -> str:
    manifest = report.bundle.manifest
    record, error = manifest.training, manifest.training_error
    held_out = record.final_validation_loss
    shape = f"windows of {manifest.time_steps} x {len(manifest.features)}, scaler {record.scaler}"
    epochs = f"{record.epochs_run} of {record.epochs} epochs in {report.seconds:.0f} s"
    largest = error.quantiles["max"]
    lines = [
        f"bundle     {report.bundle.path} ({report.bundle.fingerprint})",
        f"model      {manifest.architecture.name}, {report.parameters:,} parameters, {shape}",
        f"training   {report.windows:,} windows of {len(manifest.trained_on)} series, {epochs}",
        f"loss       {record.final_loss:.4g}" + ("" if held_out is None else f", held out {held_out:.4g}"),
        f"error      {manifest.error} {error.mean:.4g} ± {error.std:.4g}, largest {largest:.4g}",
        f"threshold  {report.threshold:.4g} (mean + 2 standard deviations) to start with",
        f"compiled   differs from Keras by {report.graph_difference.absolute:.1e} at most",
        *(f"picture    {path}" for path in pictures),
    ]
    return "\n".join(lines) + "\n"


def _units(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
