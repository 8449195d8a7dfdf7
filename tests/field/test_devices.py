"""The blocks of deploy/DEVICES.md do with a real broker what stands beside them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "deploy/DEVICES.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n([^`]*)```\n\n```text\n([^`]*)```", TEXT)
NAMES = [re.search(r"name: (\S+)", block)[1] for block, _ in BLOCKS]


def filled_in(text):
    now = int(time.time()) - 5
    utc = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.replace("{NOW}", str(now)).replace("{UTC}", utc).replace("\\n", "\n")


def of_line(line):
    """Topic, payload, readings, what is rejected."""
    sent, _, expected = line.partition(" -> ")
    topic, _, payload = re.match(r"((?:(?! [{\[]| [^ ]*$| cpu,).)*)( )(.*)", sent, re.DOTALL).groups()
    if expected == "-":
        return topic, payload, [], []
    if expected.startswith("rejected"):
        return topic, payload, [], [expected.split()[1]]
    pairs = [part.rsplit(" ", 1) for part in expected.split(", ")]
    return topic, payload, [(sensor, float(value)) for sensor, value in pairs], []


@pytest.mark.parametrize(("block", "lines"), BLOCKS, ids=NAMES)
def test_a_device_is_read_as_the_page_says(block, lines, broker, daemon, publish):
    one = daemon(broker(), f"mqtt: {{client_id: {block.split()[2]}}}\ndetectors:\n{block}")
    for line in lines.splitlines():
        topic, payload, readings, rejected = of_line(line)
        one.readings, one.rejected = [], {}
        one.settle(publish(broker(), [(topic, filled_in(payload))]))
        assert [reading[:2] for reading in one.readings] == readings, line
        assert list(one.rejected) == rejected, line


def test_every_sender_has_its_block():
    assert set(NAMES) >= {
        "zigbee",
        "tasmota",
        "shelly",
        "esphome",
        "telegraf",
        "chirpstack",
        "ttn",
        "victron",
    }
    assert set(NAMES) >= {"homie", "statestream", "rtl_433", "senml", "shadows", "event-grid"}
