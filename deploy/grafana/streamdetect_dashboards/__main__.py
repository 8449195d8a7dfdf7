"""Write the dashboards."""

from __future__ import annotations

import sys
from pathlib import Path

from streamdetect_dashboards.writing import DASHBOARDS, written

folder = Path(__file__).parents[1] / "dashboards"
folder.mkdir(exist_ok=True)
for name, dashboard in DASHBOARDS.items():
    (folder / name).write_text(written(dashboard))
    sys.stdout.write(f"wrote {folder / name}\n")
