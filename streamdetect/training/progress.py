"""The progress of a training on the terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def training_progress(keras: Any, epochs: int, *, quiet: bool) -> Iterator[list[Any]]:  # noqa: ANN401 - keras is untyped
    """Keras callbacks that draw a bar on stderr; none if `quiet`."""
    if quiet:
        yield []
        return
    columns = TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs")
    bar = Progress(
        *columns, TextColumn("{task.fields[losses]}"), TimeRemainingColumn(), console=Console(stderr=True)
    )
    task = bar.add_task("", total=epochs, losses="")

    def epoch_ended(_epoch: int, logs: Mapping[str, float] | None = None) -> None:
        names = {"loss": "loss", "val_loss": "held out"}
        losses = "  ".join(f"{names[key]} {value:.5f}" for key, value in (logs or {}).items() if key in names)
        bar.update(task, advance=1, losses=losses)

    with bar:
        yield [keras.callbacks.LambdaCallback(on_epoch_end=epoch_ended)]
