"""Makes the README's picture: the page of a freezer whose door was left ajar three hours ago.

    python tests/page/picture.py [FILE]        by default .github/page.png

A real daemon gets the recording of tests/cookbook/freezer.py over MQTT; needs mosquitto and chromium.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browsing import Browsing
from page_house import House, browser

ROOT = Path(__file__).parents[2]
AJAR = datetime.fromisoformat("2026-03-07T13:00:00+00:00").timestamp()
END = AJAR + 3 * 3600  # of the recording: the door is still ajar
WIDTH, HEIGHT = 1100, 760  # px


def recorded() -> list[tuple[float, float]]:
    """The recording: times (Unix seconds) and °C."""
    command = [sys.executable, str(ROOT / "tests/cookbook/freezer.py")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [
        (datetime.fromisoformat(row["time"]).timestamp(), row["temperature"])
        for row in csv.DictReader(io.StringIO(text))
    ]
    return [(moment, float(value)) for moment, value in rows if moment <= END]


def main() -> None:
    """Publish the recording, open the page, take the picture."""
    target = Path(sys.argv[1]) if sys.argv[1:] else ROOT / ".github/page.png"
    rows = recorded()
    with (
        tempfile.TemporaryDirectory() as folder,
        House(Path(folder), prefix="") as house,
        browser() as driver,
    ):
        house.publish(("house/kitchen/freezer", {"value": value, "time": moment}) for moment, value in rows)
        house.judged("kitchen/freezer", rows[-1][0])
        house.kept("kitchen/freezer", rows[-1][0])
        page = Browsing(driver, house.url, target.parent)
        page.look(WIDTH)
        driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "UTC"})
        page.open("sensor?detector=house&sensor=kitchen%2Ffreezer", ".picture canvas")
        page.see(".live", "Live")
        page.picture(target.stem, HEIGHT)


if __name__ == "__main__":
    main()
