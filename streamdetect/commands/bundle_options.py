"""Shared by the commands that make a bundle: options, pictures and the printed result."""

from __future__ import annotations

from math import inf
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from streamdetect.commands.spans import span
from streamdetect.errors import BundleError
from streamdetect.offline.backtest.examples import examples
from streamdetect.training.series import Series
from streamdetect.training.settings import ERRORS, SCALERS, TrainingSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from streamdetect.bundles.manifest import Explained, Manifest
    from streamdetect.offline.recordings import Recording
    from streamdetect.training.bundling import BundleReport

DEFAULT = TrainingSettings()
WINDOWS = ("scaler", "scaler_history", "error", "stride", "max_gap")  # settings that need no training


def add_output_arguments(parser: ArgumentParser) -> None:
    """Add where the bundle and its pictures go."""
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="the bundle to write")
    parser.add_argument(
        "--plots", metavar="DIR", type=Path, help="the folder for pictures [beside the bundle]"
    )


def add_window_arguments(group: Any, *, chosen: bool = False) -> None:  # noqa: ANN401 - argparse's
    """Add how readings become windows, and windows errors; scaler and stride may be left to be chosen."""
    setting(group, "--scaler", "how raw values become the model's input", chosen=chosen, choices=SCALERS)
    setting(group, "--scaler-history", "how many past readings the scaler `sensor` uses")
    setting(group, "--error", "the reconstruction error", choices=ERRORS)
    setting(group, "--stride", "how many readings from one window to the next", chosen=chosen)
    add_max_gap(group)


def add_max_gap(group: Any) -> None:  # noqa: ANN401 - argparse's
    """Add the gap between two readings that restarts a window."""
    group.add_argument(
        "--max-gap",
        metavar="SPAN",
        type=span,
        default=inf,
        help="a longer gap between readings, such as 10min, restarts the window [none does]",
    )


def setting(
    group: Any,  # noqa: ANN401 - argparse's
    option: str,
    text: str,
    *,
    chosen: bool = False,
    **more: Any,  # noqa: ANN401 - argparse's
) -> None:
    """Add an option; its default stands in TrainingSettings and nowhere else, or is chosen (then None)."""
    default = getattr(DEFAULT, option.removeprefix("--").replace("-", "_"))
    kind = {} if "choices" in more else {"type": type(default), "metavar": "N"}
    shown = "chosen" if chosen else default
    group.add_argument(option, default=None if chosen else default, help=f"{text} [{shown}]", **kind, **more)


def normal_series(found: Sequence[Recording]) -> list[Series]:
    """Recordings as normal data."""
    return [Series(one.name, values=one.values, times=one.times) for one in found]


def features_of(found: Sequence[Recording]) -> tuple[str, ...]:
    """Return the bundle's features as the data names them; one that has several names there is `value`."""
    first = found[0].features
    return first if all(one.features == first for one in found) else ("value",)


def pictures(args: Namespace) -> Path:
    """The folder for pictures, made if need be; the names in it begin with the bundle's.

    Raises:
        BundleError: it cannot be written to. Ask before the work, not after it.
    """
    folder: Path = args.plots or args.out.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BundleError(
            f"{folder}: must be a directory that pictures can be written to ({error})"
        ) from error
    return folder / str(args.out.name)


def draw(report: BundleReport, found: Sequence[Recording], prefix: Path) -> list[Path]:
    """Draw the errors of the normal data, and some of its windows over their reconstructions."""
    from streamdetect.offline import plots  # noqa: PLC0415 - matplotlib takes a second to import

    errors, rebuilt = (prefix.with_name(f"{prefix.name}-{what}.png") for what in ("errors", "windows"))
    title = f"Reconstruction errors of {report.windows:,} training windows"
    plots.error_histogram(report.errors, report.threshold, errors, title, report.bundle.manifest.error)
    windows = examples(report.bundle, found, float(report.errors.max()))
    plots.reconstruction(windows, rebuilt, f"{len(windows)} of {report.windows:,} training windows")
    return [errors, rebuilt]


def summary(report: BundleReport, training: Sequence[str], drawn: Sequence[Path]) -> str:
    """The result: the bundle, lines on how its model was trained, and what it does."""
    manifest = report.bundle.manifest
    error = manifest.training_error
    spread = f"{error.mean:.4g} ± {error.std:.4g}, largest {error.quantiles['max']:.4g}"
    shape = f"windows of {manifest.time_steps} x {len(manifest.features)}, scaler {manifest.record.scaler}"
    lines = [
        f"bundle     {report.bundle.path} ({report.bundle.fingerprint})",
        f"model      {manifest.model_name}, {report.parameters:,} parameters, {shape}",
        *training,
        f"explains   {_explained(report.explained)}",
        f"error      {manifest.error} {spread}",
        f"threshold  {report.threshold:.4g} (mean + 2 standard deviations) to start with",
        f"compiled   {_compiled(manifest)}",
        *_batches(manifest),
        f"encoder    {_encoder(manifest)}",
        *(f"picture    {path}" for path in drawn),
        *(f"warning    {text}" for text in report.warnings),
    ]
    return "\n".join(lines) + "\n"


def _batches(manifest: Manifest) -> list[str]:
    """A warning, where a model that was trained elsewhere needs it."""
    batch = manifest.graph_difference.batch
    return (
        [f"batches    move an error by up to {batch:.1e}: live and backtest can differ by that"]
        if batch
        else []
    )


def _compiled(manifest: Manifest) -> str:
    form = manifest.brought.form if manifest.brought else "keras"
    if form == "onnx":
        return "the given graph, unchanged"
    origin = {"keras": "Keras", "tflite": "TFLite"}[form]
    return f"differs from {origin} by {manifest.graph_difference.absolute:.1e} at most"


def _explained(explained: Explained) -> str:
    windows = "held-out windows" if explained.held_out else "the training windows"
    shares = f"{explained.variance:.1%} of the variance of {windows}; of shuffled windows"
    return f"{shares} {explained.shuffled:.1%}"


def _encoder(manifest: Manifest) -> str:
    encoder = manifest.encoder
    return f"{encoder.size} numbers a window, of the layer {encoder.layer}" if encoder else "none"
