"""Pictures of backtests and of training.

Each function draws one, writes it as PNG and returns the figure. They need matplotlib (the extra `plot`), and
import it only when called.
"""

from __future__ import annotations

from streamdetect.offline.plots.drawing import check_installed
from streamdetect.offline.plots.sensors import sensor
from streamdetect.offline.plots.training import error_histogram, training_loss
from streamdetect.offline.plots.tuning import tuning_curve
from streamdetect.offline.plots.windows import reconstruction

__all__ = ["check_installed", "error_histogram", "reconstruction", "sensor", "training_loss", "tuning_curve"]
