"""Row 34."""

from __future__ import annotations

import csv
from importlib.util import find_spec

from rig import checked
from rig.bench import Bench, Outcome, row

from streamdetect.bundles.bundle import Bundle

_LONG = "a" * 300
_FORMULA = "=HYPERLINK(1)"


@row(34, "a long id, a formula and an escape as names", "a short file name; neutral; escaped")
def names_hostile(bench: Bench) -> Outcome:
    """A sensor has an id of 300 characters, a column is a formula, a feature of a bundle has an ESC."""
    folder = bench.subfolder("recording")
    rows = "".join(f"{1_700_000_000 + at},{_LONG},{at % 5}\n" for at in range(200))
    (folder / "long.csv").write_text(f"time,sensor,value\n{rows}")
    plain = "".join(f"{1_700_000_000 + at},{at % 5}\n" for at in range(200))
    (folder / "formula.csv").write_text(f"time,{_FORMULA}\n{plain}")
    plot = ["--plot"] if find_spec("matplotlib") else []
    long = checked.run(folder, "backtest", "long.csv", "--sensor-column", "sensor", "-o", "out", *plot)
    names = [path.name for path in (folder / "out").glob("*.png")] if plot else ["", ""]
    formula = checked.run(folder, "backtest", "formula.csv", "-o", "sheet")
    cells = (
        [cell for line in csv.reader((folder / "sheet" / "verdicts.csv").open()) for cell in line]
        if not formula.code
        else []
    )
    raw = [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    escape = _with_escape(bench)
    figure = (
        f"backtest of an id of 300: {long.code}, {len(names)} pictures with names of at most "
        f"{max(map(len, names), default=0)}; {len(raw)} formulas in {len(cells)} cells; "
        f"check of an ESC: {escape.code}, raw: {chr(27) in escape.said}"
    )
    good = long.code == 0 and names and not raw and escape.code == 78 and "\x1b" not in escape.said
    return Outcome(figure, bool(good))


def _with_escape(bench: Bench) -> checked.Checked:
    folder = bench.subfolder("bundle")
    source = Bundle.load("general").path
    for name in ("model.onnx", "model.keras"):
        (folder / name).write_bytes((source / name).read_bytes())
    text = (source / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text.replace('"value"', r'"\u001b[2Jvalue"', 1))
    (folder / "config.yaml").write_text(f"detectors: [{{bundle: {folder}}}]")
    return checked.run(folder, "check", "config.yaml")
