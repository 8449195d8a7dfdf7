"""A bare MQTT echo, what comes on `echo/in` goes out on `echo/out`: `... COUNTER PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from rig.counter import Counter


def main() -> None:
    counter, port = Counter(Path(sys.argv[1])), int(sys.argv[2])
    counter.value = -1

    def on_subscribe(*_: object) -> None:
        counter.value = 0

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: client.subscribe("echo/in", 0)
    client.on_subscribe = on_subscribe
    client.on_message = lambda client, _, message: client.publish("echo/out", message.payload)
    client.connect("127.0.0.1", port)
    client.loop_forever()


if __name__ == "__main__":
    main()
