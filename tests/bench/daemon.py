"""The daemon as a process: time to READY, memory, and messages a second behind a real Mosquitto.

    python tests/bench/daemon.py [--sensors 1000 10000] [--turns 40]

Every figure stands beside one of the same run, since machines differ and are shared.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

HOST = "127.0.0.1"
PATIENCE = 120.0  # s


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Broker:
    """A Mosquitto of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "mosquitto.conf"
        lines = (
            f"listener {self.port} {HOST}",
            "allow_anonymous true",
            "max_queued_messages 0",
            "max_inflight_messages 0",
        )
        config.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
        while socket.socket().connect_ex((HOST, self.port)):
            time.sleep(0.02)


class Daemon:
    """The daemon, from its start to READY and on."""

    def __init__(self, folder: Path, broker: Broker, qos: int, **more: object) -> None:
        self.metrics = free_port()
        config = folder / "config.yaml"
        detector = {"topics": ["bench/#"], "payload": {"time": "time"}}
        sections = {
            "mqtt": {"host": HOST, "port": broker.port, "qos": qos},
            "metrics": {"port": self.metrics, "per_sensor": False},
            "detectors": [detector],
        }
        config.write_text(yaml.safe_dump({**sections, **more}))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            address = str(folder / "notify")
            notify.bind(address)
            notify.settimeout(PATIENCE)
            command = [sys.executable, "-m", "streamdetect", "run", "-c", str(config)]
            started = time.perf_counter()
            self.process = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": address})
            while b"READY=1" not in notify.recv(4096):
                pass
            self.ready_after = time.perf_counter() - started
        while self.value("mqtt_subscribed") != 1:
            time.sleep(0.05)

    def value(self, name: str) -> float:
        """The sum of a metric's series."""
        text = urllib.request.urlopen(f"http://{HOST}:{self.metrics}/metrics", timeout=30).read().decode()
        return sum(
            float(n) for n in re.findall(rf"^streamdetect_{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        )

    def rss(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def publish(broker: Broker, qos: int, sensors: int, turns: int, start: int) -> None:
    """One reading of every sensor a turn, as fast as the broker takes them."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect(HOST, broker.port)
    client.loop_start()
    topics = [f"bench/{sensor}" for sensor in range(sensors)]
    for turn in range(start, start + turns):
        for at, topic in enumerate(topics):
            payload = orjson.dumps({"time": 1.7e9 + turn, "value": 20 + (turn * 7 + at) % 13 * 0.1})
            info = client.publish(topic, payload, qos)
        info.wait_for_publish(PATIENCE)
    client.disconnect()
    client.loop_stop()


def run(sensors: int, turns: int, qos: int, **more: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder)
        daemon = Daemon(folder, broker, qos, **more)
        at_start = daemon.rss()
        began = time.perf_counter()
        publish(broker, qos, sensors, turns, 0)
        sent = time.perf_counter() - began
        while daemon.value("messages_total") < sensors * turns and time.perf_counter() - began < PATIENCE:
            time.sleep(0.05)
        took = time.perf_counter() - began
        done = daemon.value("messages_total")
        sys.stdout.write(
            f"{sensors:>7,} sensors, QoS {qos}, {'durable' if more else 'in memory':>9}: "
            f"READY {daemon.ready_after:.2f} s, RSS {at_start:.0f} -> {daemon.rss():.0f} MB, "
            f"{done:,.0f} of {sensors * turns:,} messages judged at {done / took:,.0f}/s "
            f"(published at {sensors * turns / sent:,.0f}/s), "
            f"{daemon.value('windows_scored_total'):,.0f} windows\n"
        )
        daemon.stop()
        broker.process.terminate()
        broker.process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sensors", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--turns", type=int, default=40, help="readings of each sensor [40]")
    args = parser.parse_args()
    for sensors in args.sensors:
        run(sensors, args.turns, 0)
    run(args.sensors[0], args.turns, 1)
    with tempfile.TemporaryDirectory() as state:
        run(args.sensors[0], args.turns, 1, state={"directory": state})
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", "import tensorflow"], capture_output=True, check=False)
    if done.returncode == 0:
        sys.stdout.write(f"import tensorflow, in the same run: {time.perf_counter() - began:.1f} s\n")


if __name__ == "__main__":
    main()
