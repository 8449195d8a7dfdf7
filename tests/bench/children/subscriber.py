"""A bare paho subscriber, the least that any daemon on paho does: `... COUNTER PORT QOS`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from rig.counter import Counter


def main() -> None:
    counter, port, qos = Counter(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    counter.value = -1
    done = 0

    def on_message(*_: object) -> None:
        nonlocal done
        done += 1
        if not done % 50:
            counter.value = done

    def on_subscribe(*_: object) -> None:
        counter.value = 0

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: client.subscribe("bench/#", qos)
    client.on_subscribe, client.on_message = on_subscribe, on_message
    client.connect("127.0.0.1", port)
    client.loop_forever()


if __name__ == "__main__":
    main()
