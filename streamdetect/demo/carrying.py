"""The load that this machine carries with a broker, the network and a publisher on it, and its bottleneck.

The daemon is the real one, in a process of its own, with the given configuration. It receives from nothing
but the broker that is started for it, and sends events nowhere.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streamdetect import logs
from streamdetect.config import (
    AnswersConfig,
    Config,
    HomeAssistantConfig,
    MetricsConfig,
    MqttConfig,
    PageConfig,
    StateConfig,
)
from streamdetect.demo.broker import HOST
from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.receiving import publish_packet
from streamdetect.service.daemon import Daemon
from streamdetect.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from typing import Self

    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.pipeline import Processed

AHEAD = 4000  # messages underway: what a broker and the inbox hold without dropping any
_AT_ONCE = 100  # packets in a write
_READY_WITHIN = 120.0  # s
_PATIENCE = 30.0  # s without any progress
_NAP = 0.0005  # s
_IDS = 60_000  # packet ids in use at QoS 1, one after the other
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"  # MQTT 3.1.1, a clean session, any id
_ACCEPTED = b"\x20\x02\x00\x00"
_BUSY = 0.85  # of the time: a part that is busy for so much of it has no room for much more


class Broker(Protocol):
    """A broker that was started to measure."""

    port: int

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def protocol(self) -> str:
        """The version of MQTT that the daemon speaks with it."""

    @property
    def pid(self) -> int:
        """The id of its process."""


class Usage(NamedTuple):
    """The time used so far, in seconds."""

    wall: float
    broker: float  # of a core; nan where the system does not tell
    publisher: float  # of a core
    process: float  # of a core, by all threads of the daemon
    main: float  # of a core, by its main thread
    model: float  # of a core, as the windows take by themselves
    commit: float  # that the main thread waited for, the disk included

    def since(self, before: Usage) -> Usage:
        """Return the time used since then."""
        return Usage(*(now - then for now, then in zip(self, before, strict=True)))


@dataclass(frozen=True, slots=True)
class Carried:
    """The result of a measurement."""

    messages: int
    used: Usage

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.used.wall

    def each(self, seconds: float) -> float:
        """Return the share of one message, in µs."""
        return seconds / self.messages * 1e6

    def shares(self, decode: float) -> dict[str, float]:
        """Seconds of a core that the daemon spent on parts of its work.

        Args:
            decode: seconds of a core that a message takes to be decoded, measured by itself.
        """
        used, decoded = self.used, decode * self.messages
        return {
            "receive and answer": max(used.process - used.main, 0.0),
            "decode": decoded,
            "model": used.model,
            "judge and commit": max(used.main - decoded - used.model, 0.0),
        }

    def bottleneck(self, cores: int) -> str:
        """Name the bottleneck: broker, daemon, cores, commit; or waiting, when no part was busy."""
        used = self.used
        if used.commit > used.wall / 2:
            return "commit"
        broker = 0.0 if isnan(used.broker) else used.broker
        whole = used.process + used.publisher + broker
        busy = {"cores": whole / cores, "daemon": used.process, "broker": broker}
        return next((name for name, share in busy.items() if share >= _BUSY * used.wall), "waiting")


def isolated(config: Config, broker: Broker, directory: Path | None) -> Config:
    """Return the same detectors and pace, but with this broker, this directory for state, and no sinks."""
    mqtt = MqttConfig(
        host=HOST,
        port=broker.port,
        protocol=broker.protocol,  # type: ignore[arg-type]  # one of the two
        client_id="streamdetect-bench",
        qos=config.mqtt.qos,
        max_undelivered_messages=config.mqtt.max_undelivered_messages,
        max_payload=config.mqtt.max_payload,
    )
    alone = {
        "mqtt": mqtt,
        "state": StateConfig(directory=None if directory is None else str(directory)),
        **dict.fromkeys(("webhooks", "files", "notify"), ()),
        "metrics": MetricsConfig(enabled=False),
        "homeassistant": HomeAssistantConfig(),
        "answers": AnswersConfig(),
        "page": PageConfig(),
    }
    return config.model_copy(update=alone)


def state_folder(config: Config) -> tempfile.TemporaryDirectory[str] | None:
    """Make a directory for state, on the disk of the configured one where we may; None if none is wanted."""
    path = config.state.path
    if path is None:
        return None
    beside = path.parent if os.access(path.parent, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="streamdetect-bench-", dir=beside)


class Carrying:
    """The daemon behind a broker, and a publisher before it; a context manager.

    Args:
        config: from `isolated`.
        broker: the broker that was started.
        models: seconds of a core that a window takes in the model, by detector.
    """

    def __init__(self, config: Config, broker: Broker, models: Mapping[str, float]) -> None:
        self._config, self._broker = config, broker
        self._sent = 0
        context = multiprocessing.get_context("spawn")
        self._done = context.RawValue("q", 0)
        self._line, its = context.Pipe()
        self._its = its
        parts = config, models, self._done, its
        self._daemon: BaseProcess = context.Process(target=_serve, args=parts, daemon=True)
        self._socket: socket.socket

    def __enter__(self) -> Self:
        """Start the daemon, wait until it hears, and connect.

        Raises:
            StreamdetectError: it does not start, or the broker refuses the publisher.
        """
        self._daemon.start()
        self._its.close()  # the daemon has it
        if not self._hears():
            self._end()
            raise StreamdetectError("the daemon does not start with this configuration: see what it said")
        self._socket = socket.create_connection((HOST, self._broker.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_CONNECT)
        if self._socket.recv(len(_ACCEPTED), socket.MSG_WAITALL) != _ACCEPTED:
            self.__exit__()
            raise StreamdetectError(f"{self._broker.name} refuses the publisher")
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        self._socket.close()
        self._end()

    def _hears(self) -> bool:
        """Wait until the daemon has subscribed; False if it never does."""
        try:
            return self._line.poll(_READY_WITHIN) and self._line.recv() is None
        except EOFError:
            return False

    def _end(self) -> None:
        self._daemon.kill()
        self._daemon.join()
        self._line.close()

    def carry(self, messages: Sequence[Message]) -> Carried:
        """Send messages as fast as they are acknowledged.

        Raises:
            StreamdetectError: the daemon or the broker stands still.
        """
        packets = self._packets(messages)
        before, base = self._used(), self._done.value
        self._push(packets, base)
        return Carried(len(packets), self._used().since(before))

    def _packets(self, messages: Sequence[Message]) -> list[bytes]:
        qos, first = self._config.mqtt.qos, self._sent
        self._sent += len(messages)
        return [
            publish_packet(message.topic, message.payload, at % _IDS + 1 if qos else 0)
            for at, message in enumerate(messages, first)
        ]

    def _push(self, packets: Sequence[bytes], base: int) -> None:
        ahead = min(AHEAD, self._config.batch.inbox // 2)
        sent, seen, progress = 0, 0, time.monotonic()
        while (came := self._done.value - base) < len(packets):
            if came != seen:
                seen, progress = came, time.monotonic()
            elif time.monotonic() - progress > _PATIENCE or not self._daemon.is_alive():
                missing = len(packets) - came
                raise StreamdetectError(f"{missing} of {len(packets)} messages did not come through")
            self._swallow()
            if sent < len(packets) and sent - came < max(1, ahead - _AT_ONCE):
                self._socket.sendall(b"".join(packets[sent : sent + _AT_ONCE]))
                sent += _AT_ONCE
            else:
                time.sleep(_NAP)

    def _swallow(self) -> None:
        """Read the broker's answers and drop them."""
        try:
            self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return

    def _used(self) -> Usage:
        self._line.send(None)
        process, main, model, commit = self._line.recv()
        broker = cpu_seconds(self._broker.pid)
        return Usage(time.perf_counter(), broker, time.process_time(), process, main, model, commit)


def cpu_seconds(pid: int) -> float:
    """Return the seconds of a core that a process has used so far; nan where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(
    config: Config,
    models: Mapping[str, float],
    done: multiprocessing.sharedctypes.Synchronized[int],
    line: Connection,
) -> None:
    """Run the daemon: count the messages it is done with, and report its usage over the pipe on request."""
    logs.set_up("error", "text")
    model = 0.0

    def observe(processed: Processed) -> None:
        nonlocal model
        done.value += sum(processed.report.messages.values())
        model += sum(one.windows * models[one.detector] for one in processed.report.detectors)

    daemon = Daemon(config, observers=(observe,))
    clock = time.pthread_getcpuclockid(threading.get_ident())
    store = next(part for part in daemon.metrics.parts if isinstance(part, Store))

    def tell() -> None:
        while not daemon.edge.subscribed:
            time.sleep(_NAP)
        line.send(None)
        while True:
            line.recv()
            line.send((time.process_time(), time.clock_gettime(clock), model, store.commit_seconds))

    threading.Thread(target=tell, daemon=True).start()
    daemon.run()
