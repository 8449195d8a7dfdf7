"""Measures how quick the page is, with a real browser, a real daemon and a real Mosquitto.

    python tests/page/measure.py [--sensors N] [--readings N]

tells how long the first page takes with so many sensors, from the address to the rows on the screen, and how
long a reading takes from its publication over MQTT to its point in a sensor's chart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from page_house import House, browser, life

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selenium.webdriver import Chrome

LOADS = 20
OTHERS = 12  # sensors that the house has anyway
PAUSE = 0.25  # s between two readings

# When there are rows, and they have been drawn.
_ROWS = """
new MutationObserver((_, all) => {
  if (document.querySelector("tbody tr")) {
    all.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { window.shown = performance.now(); }));
  }
}).observe(document, {childList: true, subtree: true});
"""
# When each reading is told beside its chart, and both have been drawn.
_READINGS = """
window.seen = [];
const readout = document.querySelector(".readout");
new MutationObserver(() => {
  const text = readout.textContent;
  requestAnimationFrame(() => requestAnimationFrame(() => window.seen.push([text, Date.now() / 1000])));
}).observe(readout, {childList: true, subtree: true});
"""


def first_page(driver: Chrome, house: House) -> list[float]:
    """Seconds from opening the address to the rows, for each load; the first load has no cache."""
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _ROWS})
    taken = []
    for _ in range(LOADS):
        driver.get(house.url)
        while (shown := driver.execute_script("return window.shown")) is None:
            time.sleep(0.01)
        taken.append(shown / 1000)
    return taken


def readings(driver: Chrome, house: House, count: int, since: float) -> list[float]:
    """Seconds from publishing a reading to its point on the page."""
    driver.get(f"{house.url}sensor?detector=house&sensor=kitchen%2Ffridge&range=3600")
    while not driver.execute_script("return document.querySelector('.live')?.textContent === 'Live'"):
        time.sleep(0.05)
    driver.execute_script(_READINGS)
    sent: dict[str, float] = {}
    with house.publisher() as publisher:
        for number in range(count):
            value = 4 + number / 10
            sent[f"{value:.1f} °C"] = time.time()
            publisher.publish(
                "house/kitchen/fridge", f'{{"value": {value}, "time": {since + number}}}'.encode()
            )
            time.sleep(PAUSE)
    time.sleep(1)
    seen = driver.execute_script("return window.seen")
    taken = [
        min((at - began for text, at in seen if f"  {value}" in text and at >= began), default=None)
        for value, began in sent.items()
    ]
    return [seconds for seconds in taken if seconds is not None]


def tell(what: str, taken: Sequence[float]) -> None:
    """One line of figures."""
    low, middle = min(taken), statistics.median(taken)
    high = sorted(taken)[int(0.95 * (len(taken) - 1))]
    sys.stdout.write(
        f"{what}: median {middle * 1000:.0f} ms, 95 % within {high * 1000:.0f} ms,"
        f" best {low * 1000:.0f} ms, first {taken[0] * 1000:.0f} ms, n = {len(taken)}\n"
    )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sensors", type=int, default=1000, help="[%(default)s]")
    parser.add_argument("--readings", type=int, default=40, help="[%(default)s]")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, House(Path(folder)) as house, browser() as driver:
        now = time.time() // 60 * 60 - 600
        many = (f"house/many/{number:06}" for number in range(args.sensors - OTHERS))
        house.publish((topic, {"value": 20.0, "time": now}) for topic in many)
        house.publish(life(now))
        house.judged("kitchen/fridge", now)
        tell(f"first page of {house.ask('sensors?limit=1')['total']:,} sensors", first_page(driver, house))
        tell("a reading, from MQTT to the screen", readings(driver, house, args.readings, now + 1))


if __name__ == "__main__":
    main()
