"""The steps, one after the other on one site; each goes on from where the step before ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.request import urlopen

import orjson
from cluster.machines import ENVIRONMENT, PATIENCE, Driver, Site, until
from cluster.readings import Publishing, columns, oracle
from prometheus_client.parser import text_string_to_metric_families
from real_broker import free_port

from streamdetect.config import load
from streamdetect.metrics import PREFIX
from streamdetect.service.assembly import assemble
from streamdetect.spark import moving
from streamdetect.store import DetectorState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Step = tuple[str, bool]
PARTITIONS, LATER = 4, 6  # of the state
LOG_PARTITIONS = 4
SLOW_SINK = "spark.executorEnv.STREAMDETECT_FAILPOINT=spark.published=0.2"
CONFIG = """
mqtt: {{host: 127.0.0.1, port: {port}}}
metrics: {{host: 127.0.0.1, port: {metrics}}}
spark:
  servers: ["{nats}"]
  streams: [{streams}]
  checkpoint: {checkpoint}
  shards: 16
  max_messages: 400
state: {{directory: {state}}}
history: {{enabled: false}}
detectors:
  - topics: [sensors/#]
    templates: ["sensors/{{sensor}}/data"]
    sensor: "{{sensor}}"
    payload: {{time: time}}
"""


class Scenario:
    """A site and the steps on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._site = Site(folder, LOG_PARTITIONS)
        self._checkpoint, self._file = folder / "checkpoint", folder / "config.yaml"
        self._metrics = free_port()
        self._file.write_text(
            CONFIG.format(
                port=self._site.mosquitto.port,
                metrics=self._metrics,
                nats=self._site.nats.url,
                streams=", ".join(f"sd-{at}" for at in range(LOG_PARTITIONS)),
                checkpoint=self._checkpoint,
                state=folder / "state",
            )
        )
        self._config = load(self._file)
        self._publishing = Publishing(self._config.mqtt)
        self._expected = oracle(self._config, self._publishing.readings())
        self._driver = self._new_driver()

    def _new_driver(self, *options: str) -> Driver:
        return Driver(self._site, self._file, self._checkpoint, "--partitions", str(PARTITIONS), *options)

    def steps(self) -> Iterator[Callable[[], Step]]:
        """All of them, in order."""
        yield self.takes_over
        yield self.executor
        yield self.sink
        yield self.driver
        yield self.log
        yield self.rescale
        yield self.events
        yield self.state

    def close(self) -> None:
        """End all processes."""
        if self._driver.running:
            self._driver.kill()
        self._site.close()

    def takes_over(self) -> Step:
        """a detector of a daemon goes on on Spark"""
        (one,) = assemble(self._config)
        whole = self._publishing.readings()
        first = round(0.3 * len(self._publishing))
        start = type(whole)(whole.sensors[:first], whole.times[:first], whole.values[:first])
        verdicts = one.detector.process(start)
        labels = {sensor: {"sensor": sensor} for sensor in set(start.sensors)}
        self._before = {one.encoder.encode(each, labels[each.sensor]).id for each in verdicts.transitions}
        state = DetectorState(
            one.name, one.bundle.lineage, one.features, one.detector, labels, {}, one.encoder.origin
        )
        moving.to_daemon(self._folder / "state", [state])
        file = str(self._folder / "carried.state")
        self._run("state", "export", "-c", str(self._file), file)
        self._run("state", "import", "--spark", "-c", str(self._file), file)
        self._publishing.publish(0.4)  # the readings that the daemon had are in the log as well
        self._driver.start()
        self._finish()
        warm = len(one.detector) - one.detector.warmup()[0]
        known, cold = (int(self._metric(name)) for name in ("sensors", "sensors_warming_up"))
        figure = f"{known} sensors, {cold} of them warming up, {first} of its readings read again"
        return figure, known - cold >= warm > 0

    def executor(self) -> Step:
        """kill -9 of an executor"""
        self._publishing.publish(0.5)
        number, _ = self._driver.reached()
        until(lambda: self._driver.reached()[0] > number, "a micro-batch")
        victim = self._site.executors()[0]
        os.kill(victim, signal.SIGKILL)
        self._finish()
        until(
            lambda: len(set(self._site.executors()) - {victim}) == len(self._site.workers), "another executor"
        )
        return f"process {victim}, all {self._publishing.done} messages are in", True

    def sink(self) -> Step:
        """kill -9 of an executor in the middle of a sink write"""
        self._driver.stop()
        self._driver = self._new_driver("--conf", SLOW_SINK)
        before = len(self._site.heard.payloads)
        self._publishing.publish(0.7)  # the spikes: every sensor has an incident
        self._driver.start()
        until(lambda: len(self._site.heard.payloads) > before + 2, "events go out")
        number, _ = self._driver.reached()
        for victim in self._site.executors()[:1]:
            os.kill(victim, signal.SIGKILL)
        self._finish()
        return f"{len(self._site.heard.payloads) - before} events after micro-batch {number}", True

    def driver(self) -> Step:
        """kill -9 of the driver and its JVM"""
        self._publishing.publish(0.75)
        _, reached = self._driver.reached()
        until(lambda: self._driver.reached()[1] > reached, "a micro-batch")
        self._driver.kill()
        self._publishing.publish(0.8)
        number, _ = self._driver.reached()
        self._driver = self._new_driver()
        began = time.monotonic()
        self._driver.start()
        until(lambda: self._driver.reached()[0] > number, "a micro-batch after the start")
        took = time.monotonic() - began
        self._finish()
        return f"first micro-batch {took:.0f} s after the start", True

    def log(self) -> Step:
        """kill -9 of NATS, then a new start of the driver"""
        self._site.nats.kill()
        self._publishing.publish(0.85)  # Mosquitto keeps it for the bridge
        until(lambda: not self._driver.running, "the driver ends, as the log is gone")
        self._site.nats.start()
        self._driver.start()
        self._finish()
        return f"all {self._publishing.done} messages are in", True

    def rescale(self) -> Step:
        """the state of 4 partitions spread over 6"""
        self._driver.stop()
        began = time.monotonic()
        self._run("spark", "rescale", str(LATER), "-c", str(self._file), "--master", "local[2]")
        took = time.monotonic() - began
        self._publishing.publish(1.0)
        self._driver.start()
        self._finish()
        parts = len(list((self._checkpoint / "state" / "0").glob("[0-9]*")))
        return f"{parts} partitions in {took:.0f} s", parts == LATER

    def events(self) -> Step:
        """the events of one detector, all of them and no others; duplicates have the same bytes"""
        wanted = {name: its for name, its in self._expected.events.items() if name not in self._before}

        def heard() -> dict[str, set[bytes]]:
            found: dict[str, set[bytes]] = {}
            for payload in list(self._site.heard.payloads):
                found.setdefault(orjson.loads(payload)["id"], set()).add(payload)
            return found

        end = time.monotonic() + PATIENCE  # messages settle, and timers fire a micro-batch later
        while heard().keys() != wanted.keys() and time.monotonic() < end:
            time.sleep(0.5)
        found, count = heard(), len(self._site.heard.payloads)
        same = found == {name: {its} for name, its in wanted.items()}
        lost, strange = len(wanted.keys() - found.keys()), len(found.keys() - wanted.keys())
        figure = f"{len(wanted)} events, {lost} lost, {count - len(found)} duplicates, {strange} others"
        for name in sorted(found.keys() - wanted.keys()):
            print("other:", *found[name])  # noqa: T201 - what went wrong
        return f"{figure}, {'identical' if same else 'NOT identical'}", same

    def state(self) -> Step:
        """the state of all shards is that of one detector, to the last bit"""
        until(lambda: self._driver.at_rest, "the micro-batch that told the last events is done")
        self._driver.stop()
        file = self._folder / "after.state"
        options = ("--spark", "-c", str(self._file), "--master", "local[1]")
        self._run("state", "export", *options, str(file))
        (state,) = moving.from_bytes(file.read_bytes(), "after.state")
        found, wanted = columns(state.detector), columns(self._expected.detector)
        others = [name for name in wanted if found[name] != wanted[name]]
        return (
            f"{len(wanted)} columns of {len(state.detector)} sensors, other: {others or 'none'}",
            not others,
        )

    def _metric(self, name: str) -> float:
        """Return the value of a metric of the driver, over all shards."""
        with urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return sum(one.value for family in families for one in family.samples if one.name == PREFIX + name)

    def _finish(self) -> None:
        """Wait until every published message is in the log, and taken in by Spark."""
        until(lambda: self._site.nats.stored() >= self._publishing.done, "all is in the log")
        self._driver.finish(self._site.nats.stored())

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "streamdetect", *command],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
