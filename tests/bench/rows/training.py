"""Training, against plain `model.fit` on the same windows, in seconds of a core.

On two cores that others use as well, the ratio of the two was 0.71 to 1.18 by the clock, and 0.90 to 1.04 by
the processor, for this version and for the end of the first round alike (of a bundle 1.44 to 1.72).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig.table import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

SLOWER = 1.05  # what two runs of the same thing differ by


def rows(run: Run) -> Iterator[Row]:
    found = run.tensorflow
    what = f"training, stacked, {found['windows']:,} windows, {found['epochs']} epochs"
    plain = f"plain model.fit: {found['fit_seconds']:.1f} s of a core"
    yield Row(
        f"{what}: fitting",
        f"{found['our_fit_seconds']:.1f} s of a core",
        plain,
        found["our_fit_seconds"] / found["fit_seconds"],
        at_most(SLOWER),
        run.note(20, 2, "epochs"),
    )
    yield Row(
        "the same to a bundle that is exported, checked and written",
        f"{found['bundle_seconds']:.1f} s of a core",
        plain,
        found["bundle_seconds"] / found["fit_seconds"],
        note=run.note(20, 2, "epochs, so that export and checks weigh more"),
    )
