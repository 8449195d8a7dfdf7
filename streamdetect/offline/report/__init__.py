"""A whole backtest, or a tuning, as one HTML file with interactive charts, which needs no network.

It needs plotly (the extra `plot`), whose JavaScript is written into the file, and imports it only when
called.
"""

from __future__ import annotations

from streamdetect.offline.report.page import check_installed, write
from streamdetect.offline.report.tuning import write_tuning

__all__ = ["check_installed", "write", "write_tuning"]
