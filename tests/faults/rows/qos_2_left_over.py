"""Row 25."""

from __future__ import annotations

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from rig.bench import DURABLE, Bench, Outcome, finish, found, row
from rig.waiting import pause, until
from rig.workload import Workload


@row(25, "QoS 2 left in the session", "taken, places given back; never deaf and ready")
def qos_2_left_over(bench: Bench) -> Outcome:
    """An earlier client of our id had subscribed at QoS 2; its messages come to us, over a kill."""
    plant, workload = (
        bench.plant(*DURABLE, mqtt={"max_undelivered_messages": 50}),
        Workload(sensors=1, steps=1500),
    )
    _subscribe_at_qos_2(plant.broker.port)
    topic = workload.ids[0]
    plant.broker.publish(topic, [payload.decode() for _, payload in workload.messages()], "-q", "2")
    plant.daemon.start()
    pause(0.3)
    plant.daemon.kill()
    plant.daemon.start()
    finish(plant.daemon, workload)
    until(lambda: plant.daemon.metric("mqtt_unacknowledged") == 0, "all places given back")
    ready = plant.daemon.get("/readyz")
    plant.daemon.terminate()
    verdict = found(plant, workload)
    return Outcome(
        f"{len(workload)} messages at QoS 2 with 50 places, /readyz {ready}; {verdict}",
        ready == 200 and not verdict,
    )


def _subscribe_at_qos_2(port: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="faults", clean_session=False, protocol=MQTTv311)
    granted = []
    client.on_subscribe = lambda *_: granted.append(True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("sensors/#", qos=2)
    until(lambda: granted, "the subscription at QoS 2")
    client.disconnect()
    client.loop_stop()
