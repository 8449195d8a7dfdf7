"""A real Home Assistant, headless: it finds the devices, sees an incident, tells a phone, and answers.

STREAMDETECT_HOMEASSISTANT names a Python that has it, 2024.11 or newer; it wants a newer Python than we do:

    python3.13 -m venv DIR && DIR/bin/pip install homeassistant
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BLUEPRINT = Path(__file__).parents[2] / "deploy/homeassistant/streamdetect.yaml"
PYTHON = os.environ.get("STREAMDETECT_HOMEASSISTANT", "")

pytestmark = pytest.mark.skipif(
    not Path(PYTHON).is_file(), reason="STREAMDETECT_HOMEASSISTANT names no Python with Home Assistant"
)

# The phone: it passes on what it is told, and its owner presses a button.
CONFIGURATION = """
http: {server_host: 127.0.0.1, server_port: %d}
script:
  phone:
    mode: parallel
    sequence:
      - action: mqtt.publish
        data:
          topic: phone/told
          qos: 1
          payload: "{{ {'said': title ~ ' | ' ~ message, 'pressed': data.actions[%d].action} | tojson }}"
automation:
  - use_blueprint:
      path: streamdetect/streamdetect.yaml
      input: {notify_action: script.phone}
  - triggers: [{trigger: mqtt, topic: phone/told}]
    actions:
      - delay: 2
      - event: mobile_app_notification_action
        event_data: {action: "{{ trigger.payload_json.pressed }}"}
  - triggers: [{trigger: state, entity_id: binary_sensor.sensors_freezer_anomaly, to: "on"}]
    actions:
      - action: mqtt.publish
        data: {topic: seen/problem, qos: 1, payload: "{{ trigger.to_state.attributes.message }}"}
      - action: switch.turn_on
        target: {entity_id: switch.sensors_freezer_mute}
"""

ENTRY = {
    "created_at": "2026-01-01T00:00:00+00:00",
    "modified_at": "2026-01-01T00:00:00+00:00",
    "disabled_by": None,
    "discovery_keys": {},
    "domain": "mqtt",
    "entry_id": "01JTESTTESTTESTTESTTESTTES",
    "version": 1,
    "minor_version": 2,
    "options": {},
    "pref_disable_new_entities": False,
    "pref_disable_polling": False,
    "source": "user",
    "title": "mqtt",
    "unique_id": None,
}


def home_assistant(folder, broker, port, button) -> subprocess.Popen:
    """Start it with the broker, the blueprint and the phone configured."""
    (folder / ".storage").mkdir(parents=True)
    (folder / "blueprints/automation/streamdetect").mkdir(parents=True)
    shutil.copy(BLUEPRINT, folder / "blueprints/automation/streamdetect")
    (folder / "configuration.yaml").write_text(CONFIGURATION % (port, button))
    data = {"broker": "127.0.0.1", "port": broker.port, "protocol": "5"}
    stored = {"version": 1, "minor_version": 4, "key": "core.config_entries"}
    stored["data"] = {"entries": [ENTRY | {"data": data}]}
    (folder / ".storage/core.config_entries").write_text(json.dumps(stored))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (folder / "log").open("w") as log:
        command = [PYTHON, "-m", "homeassistant", "-c", str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def readings() -> list[str]:
    """A freezer, a reading a minute, which at last is warm for ten minutes."""
    chance = random.Random(2)  # noqa: S311 - noise
    began = time.time() - 3600 * 20
    values = [-18 + chance.gauss(0, 0.3) + (9 + at % 3 if at >= 1000 else 0) for at in range(1010)]
    return [json.dumps({"t": began + 60 * at, "value": value}) for at, value in enumerate(values)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("button", [0, 1], ids=["mute", "false"])
def test_it_sees_tells_and_answers(mosquitto, tmp_path, free_port, button):
    broker = mosquitto()
    config = {
        "mqtt": {"port": broker.port},
        "metrics": {"enabled": False},
        "state": {"directory": str(tmp_path / "state")},
        "homeassistant": True,
        "answers": {"enabled": True},
        "detectors": [{"unit": "°C", "payload": {"time": "t"}}],
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    heard, log = tmp_path / "heard", tmp_path / "daemon.log"
    topics = [part for topic in ("phone/#", "seen/#", "streamdetect/#") for part in ("-t", topic)]
    with heard.open("w") as file, log.open("w") as errors:
        listener = subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), "-v", *topics], stdout=file)
        home = home_assistant(tmp_path / "ha", broker, free_port, button)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "streamdetect", "run", "-c", str(tmp_path / "config.yaml")], stderr=errors
        )
    try:

        def wait_for(text, where=heard) -> str:
            deadline = time.monotonic() + 240
            while text not in (found := where.read_text() if where.exists() else ""):
                assert time.monotonic() < deadline, f"{text} never came: {(tmp_path / 'ha/log').read_text()}"
                time.sleep(0.1)
            return found

        wait_for("Sending SUBACK to streamdetect", broker.log)
        broker.publish("sensors/freezer", readings()[:1000])
        wait_for('"problem":"OFF"')
        wait_for("switch", tmp_path / "ha/.storage/core.entity_registry")
        broker.publish("sensors/freezer", readings()[1000:])
        wait_for("seen/problem sensors/freezer")
        told = wait_for("phone/told")
        assert "critical: sensors/freezer | sensors/freezer" in told
        wait_for('"muted":"ON"')
        wait_for(
            ("mute by Home Assistant: sensor sensors/freezer, until 1", "false by Home Assistant")[button],
            log,
        )
    finally:
        for process in (listener, home, daemon):
            process.terminate()
            process.wait(60)
