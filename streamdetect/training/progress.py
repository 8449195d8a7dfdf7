"""The progress of a training on the terminal."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SLOW, _PACED = 2, 12  # the first batch is compiled; the pace is taken of those from the third to the twelfth
_MINUTE = 60.0


@contextlib.contextmanager
def training_progress(
    keras: Any,  # noqa: ANN401 - keras is untyped
    epochs: int,
    steps: int,
    *,
    quiet: bool,
) -> Iterator[list[Any]]:
    """Return Keras callbacks that report the longest time on stderr and draw a bar; none if `quiet`."""
    if quiet:
        yield []
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("epoch {task.fields[epoch]} of {task.fields[epochs]}"),
    )
    console = Console(stderr=True)
    bar = Progress(*columns, TextColumn("{task.fields[losses]}"), TimeRemainingColumn(), console=console)
    task = bar.add_task("", total=epochs * steps, losses="", epoch=1, epochs=epochs)
    started = [0.0]

    def batch_ended(_batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG001 - by name
        bar.update(task, advance=1)
        done = round(bar.tasks[0].completed)
        if done == _SLOW:
            started[0] = time.perf_counter()
        elif done == _PACED:
            seconds = (time.perf_counter() - started[0]) / (_PACED - _SLOW) * epochs * steps
            console.print(f"training takes {estimate(seconds)} at most; Ctrl-C keeps the best so far")

    def epoch_ended(epoch: int, logs: Mapping[str, float] | None = None) -> None:
        names = {"loss": "loss", "val_loss": "held out"}
        losses = "  ".join(f"{names[key]} {value:.5f}" for key, value in (logs or {}).items() if key in names)
        bar.update(task, losses=losses, epoch=min(epoch + 2, epochs))

    with bar:
        yield [keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended, on_epoch_end=epoch_ended)]


def estimate(seconds: float) -> str:
    """Write a duration in words that promise no more than is known."""
    if seconds < _MINUTE:
        return "less than a minute"
    return f"about {seconds / _MINUTE:.0f} min"
