"""A standalone cluster of two workers, its driver, NATS and Mosquitto, all as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyspark
from nats_server import NatsServer
from real_broker import Mosquitto, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOME = Path(pyspark.__file__).parent
ROOT = Path(__file__).parents[3]
PATIENCE = 300.0  # s; a start of Spark took 134 s to its first micro-batch on 2 busy cores
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_HOME": str(HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "OMP_NUM_THREADS": "1",
}
BRIDGE = """connection nats
address 127.0.0.1:{port}
bridge_protocol_version mqttv311
cleansession false
notifications false
try_private false
topic sensors/# out 1"""
MQTT = """mqtt {{ listen: "127.0.0.1:{port}" }}
mappings {{ "sensors.*.data": "sd.{{{{partition({partitions},1)}}}}.sensors.{{{{wildcard(1)}}}}.data" }}"""


def until(done: Callable[[], bool], what: str) -> None:
    """Wait until `done` says so."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not in {PATIENCE:g} s")
        time.sleep(0.2)


class Site:
    """Broker, log and cluster in one folder."""

    def __init__(self, folder: Path, partitions: int) -> None:
        self.folder, self.partitions = folder, partitions
        self._processes: list[subprocess.Popen[bytes]] = []
        mqtt = free_port()
        for name in ("nats", "mosquitto"):
            (folder / name).mkdir(parents=True)
        self.nats = NatsServer(folder / "nats", [MQTT.format(port=mqtt, partitions=partitions)])
        self.nats.add_streams(partitions)
        bridge = BRIDGE.format(port=mqtt).splitlines()
        self.mosquitto = Mosquitto(folder / "mosquitto", ("persistence true", "max_inflight_messages 0"), ())
        config = folder / "mosquitto" / "mosquitto.conf"
        config.write_text("\n".join([config.read_text(), *bridge, ""]))
        self.mosquitto.start()
        self.master = f"spark://127.0.0.1:{free_port()}"
        self._spark(
            "master", "master.Master", "--host", "127.0.0.1", "--port", self.master.rpartition(":")[2]
        )
        self.workers = [
            self._spark(f"worker{at}", "worker.Worker", self.master, "-c", "1", "-m", "1g") for at in range(2)
        ]
        self.heard = Heard(self.mosquitto.port)

    def _spark(self, name: str, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        where = self.folder / name
        where.mkdir()
        own = ("-d", str(where)) if name.startswith("worker") else ()
        command = [
            HOME / "bin/spark-class",
            f"org.apache.spark.deploy.{kind}",
            "--webui-port",
            str(free_port()),
        ]
        with (where / "log").open("ab") as log:
            process = subprocess.Popen([*command, *own, *arguments], stdout=log, stderr=log, env=ENVIRONMENT)
        self._processes.append(process)
        return process

    def executors(self) -> list[int]:
        """Process ids of the executors, by worker."""
        return [one.pid for worker in self.workers for one in psutil.Process(worker.pid).children()]

    def processes(self) -> list[psutil.Process]:
        """Master, workers and executors, with their children."""
        return [one for each in self._processes for one in tree(each.pid)]

    def close(self) -> None:
        """End all processes."""
        self.heard.close()
        for process in reversed(self._processes):
            end(process.pid)
            process.wait(30)
        self.mosquitto.stop()
        self.nats.stop()


class Driver:
    """`streamdetect spark run` and its JVM."""

    def __init__(self, site: Site, config: Path, checkpoint: Path, *options: str) -> None:
        self._site, self._config, self._checkpoint, self._options = site, config, checkpoint, options
        self._process: subprocess.Popen[bytes] | None = None
        self._times = 0

    def start(self) -> None:
        """Start it, or start it again."""
        self._times += 1
        command = [
            *(sys.executable, "-m", "streamdetect", "spark", "run", "-c", str(self._config)),
            *("--master", self._site.master, "--conf", "spark.ui.enabled=false"),
            *("--conf", "spark.executor.memory=512m", "--conf", "spark.executor.cores=1", *self._options),
        ]
        with (self._site.folder / f"driver{self._times}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL to the driver and to its JVM, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        """Ask it to end."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(120)

    @property
    def cpu(self) -> float:
        """Seconds of a core that this driver and the cluster have used so far."""
        return sum(sum(times[:4]) for times in self._each("cpu_times"))

    @property
    def memory(self) -> float:
        """MB resident, of this driver and the cluster; what processes share counts for each."""
        return sum(found.rss for found in self._each("memory_info")) / 1e6

    def _each(self, what: str) -> Iterator[Any]:
        """Yield the answers of all processes that have not ended meanwhile."""
        assert self._process is not None
        for process in [*tree(self._process.pid), *self._site.processes()]:
            with suppress(psutil.NoSuchProcess):
                yield getattr(process, what)()

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def reached(self) -> tuple[int, int]:
        """Return the last micro-batch that is done, or -1, and the number of messages taken in by then."""
        done = self._batches("commits")
        if not done:
            return -1, 0
        *_, offsets = (self._checkpoint / "offsets" / str(max(done))).read_text().splitlines()
        return max(done), sum(end - 1 for end in json.loads(offsets)["read"])

    @property
    def at_rest(self) -> bool:
        """Tell whether every micro-batch that was begun is done."""
        return self._batches("offsets") == self._batches("commits")

    def _batches(self, log: str) -> set[int]:
        return {int(path.name) for path in (self._checkpoint / log).glob("[0-9]*")}

    def finish(self, messages: int) -> None:
        """Wait until so many messages of the log are taken in."""

        def done() -> bool:
            if not self.running:
                raise RuntimeError("the driver has ended: see its log")
            return self.reached()[1] >= messages

        until(done, f"{messages} messages are in")


class Heard:
    """Every event, as an ordinary MQTT subscriber receives it."""

    def __init__(self, port: int) -> None:
        command = ["mosquitto_sub", "-p", str(port), "-t", "streamdetect/events/#", "-q", "1", "-i", "heard"]
        self._process = subprocess.Popen([*command, "-c", "-F", "%p"], stdout=subprocess.PIPE)
        self.payloads: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        self.payloads.extend(line.rstrip(b"\n") for line in self._process.stdout)

    def close(self) -> None:
        """Stop listening."""
        self._process.terminate()
        self._process.wait(10)


def tree(pid: int) -> list[psutil.Process]:
    """A process and all that it has started; empty if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(pid: int) -> None:
    """Kill a process and all that it has started."""
    for process in reversed(tree(pid)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
