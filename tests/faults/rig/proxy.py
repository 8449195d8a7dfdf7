"""A wire between the daemon and the broker that can be cut, slowed down and read along."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
import threading
import time
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rig import packets

if TYPE_CHECKING:
    from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset
_QUEUED = 64  # packets on the way; then TCP holds the sender back
_READ = 1 << 16
_AHEAD = 1 << 16  # bytes that the daemon reads ahead of what it takes
_MOMENT = 0.03  # s in which nothing moves


class _Queues(NamedTuple):
    """Bytes in the kernel at one end of a connection: sent and not arrived, arrived and not read."""

    unsent: int
    unread: int


class _Look(NamedTuple):
    """A connection at a moment."""

    held: int  # messages
    passed: int  # bytes to the daemon
    acked: int  # messages
    unread: int  # bytes


class Wire:
    """The traffic of one connection. Times are monotonic seconds, None for an event that has not been."""

    def __init__(self) -> None:
        self.opened = time.monotonic()
        self.connack: float | None = None
        self.suback: float | None = None
        self.session_present = False
        self.in_flight: set[int] = set()  # packet ids that the daemon has yet to acknowledge
        self.most_in_flight = 0
        self.again = 0  # messages that the broker had sent before
        self.acked = 0  # messages whose acknowledgement has left the daemon
        self.acks: list[float] = []
        self.stale_acks = 0  # for packet ids that were not in flight on this connection
        self.withheld = 0
        self.passed = 0  # bytes to the daemon
        self._ends: list[int] = []  # of the messages among them

    def note_broker(self, packet: bytes) -> None:
        """Note a packet from the broker, about to be passed on."""
        kind = packets.kind(packet)
        self.passed += len(packet)
        if kind == packets.CONNACK:
            self.connack, self.session_present = time.monotonic(), bool(packet[2] & 1)
        elif kind == packets.SUBACK:
            self.suback = time.monotonic()
        elif packets.asks_for_ack(packet):
            self.again += packets.is_again(packet)
            self.in_flight.add(packets.packet_id(packet))
            self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
            self._ends.append(self.passed)

    def held(self, unread: int) -> int:
        """Messages that the daemon has and did not acknowledge, if it has yet to read so many bytes."""
        return bisect_right(self._ends, self.passed - unread) - self.acked

    def note_daemon(self, packet: bytes) -> None:
        """Note a packet from the daemon, about to be passed on."""
        if packets.kind(packet) == packets.PUBACK:
            mid = packets.packet_id(packet)
            self.stale_acks += mid not in self.in_flight
            self.in_flight.discard(mid)
            self.acks.append(time.monotonic())


class Proxy:
    """Passes whole packets between the daemon and a broker's port.

    Attributes:
        port: where the daemon connects to.
        delay: seconds that a packet takes, either way.
        rate: bytes a second, either way; 0 is no limit.
        withhold: types of the broker's packets that are not passed on.
        wires: one for each connection so far.
    """

    def __init__(self, broker_port: int, port: int) -> None:
        self.port = port
        self.delay = 0.0
        self.rate = 0.0
        self.withhold: frozenset[int] = frozenset()
        self._open = asyncio.Event()
        self._open.set()
        self.wires: list[Wire] = []
        self._broker_port = broker_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._daemons: dict[Wire, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._server: asyncio.Server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> int:
        """Reset every connection; returns how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def stall(self) -> None:
        """Pass nothing on, either way, until `resume`."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def resume(self) -> None:
        """Pass on what comes, and what is still held on a connection that is still there."""
        self._loop.call_soon_threadsafe(self._open.set)

    @property
    def acks(self) -> list[float]:
        """Return when the daemon acknowledged a message, on any connection."""
        return [moment for wire in list(self.wires) for moment in wire.acks]

    def total(self, what: str) -> int:
        """Add up a number over all connections."""
        return sum(getattr(wire, what) for wire in list(self.wires))

    def held(self) -> int:
        """Messages that the daemon has taken for sure, and not acknowledged.

        Those on the way to it, in the kernel, are not its own, and it reads some ahead of taking them.

        Mosquitto 2.0.11 sends more than Receive Maximum, so what is not acknowledged is no measure.
        """
        return asyncio.run_coroutine_threadsafe(self._held(), self._loop).result(10)

    async def _held(self) -> int:
        """The same, where nothing moves for a moment: what the kernel says may be of two."""
        before = self._looks()
        await asyncio.sleep(_MOMENT)
        after = self._looks()
        held = [look.held for wire, look in before.items() if look is not None and look == after.get(wire)]
        return max(held, default=0)

    def _looks(self) -> dict[Wire, _Look | None]:
        return {wire: _look(wire, *ends) for wire, ends in self._daemons.items()}

    async def _cut(self) -> int:
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        return len(self._writers) // 2

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire()
        self.wires.append(wire)
        ends = {writer}
        self._writers.add(writer)
        self._daemons[wire] = reader, writer
        try:
            broker_reader, broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
            ends.add(broker)
            self._writers.add(broker)
            pumps = [
                asyncio.create_task(self._pump(reader, broker, wire, from_broker=False)),
                asyncio.create_task(self._pump(broker_reader, writer, wire, from_broker=True)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # the broker is down: so is the wire
        finally:
            del self._daemons[wire]
            for end in ends:
                self._writers.discard(end)
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire, *, from_broker: bool
    ) -> None:
        queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue(_QUEUED)
        sender = asyncio.create_task(self._send(queue, writer, wire, from_broker=from_broker))
        splitter = packets.Splitter()
        try:
            while data := await reader.read(_READ):
                fresh = list(splitter.feed(data))
                if not from_broker:
                    wire.acked += sum(packets.kind(packet) == packets.PUBACK for packet in fresh)
                for packet in fresh:
                    await queue.put((self._loop.time() + self.delay, packet))
            await queue.put(None)
            await sender
        finally:
            sender.cancel()

    async def _send(
        self,
        queue: asyncio.Queue[tuple[float, bytes] | None],
        writer: asyncio.StreamWriter,
        wire: Wire,
        *,
        from_broker: bool,
    ) -> None:
        while item := await queue.get():
            due, packet = item
            await asyncio.sleep(max(due - self._loop.time(), 0))
            await self._open.wait()
            if from_broker and packets.kind(packet) in self.withhold:
                wire.withheld += 1
                continue
            (wire.note_broker if from_broker else wire.note_daemon)(packet)
            writer.write(packet)
            await writer.drain()
            if self.rate:
                await asyncio.sleep(len(packet) / self.rate)


def _look(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Look | None:
    """Look at a connection; None if something the daemon has said, acknowledgements perhaps, is underway."""
    ours = writer.get_extra_info("socket")
    theirs = _queues(ours)
    if theirs is None or theirs.unsent or len(reader._buffer) or _bytes(ours, termios.FIONREAD):
        return None
    unread = (
        _AHEAD + theirs.unread + _bytes(ours, termios.TIOCOUTQ) + writer.transport.get_write_buffer_size()
    )
    return _Look(wire.held(unread), wire.passed, wire.acked, theirs.unread)


def _bytes(ours: socket.socket, request: int) -> int:
    """Ask the kernel for a number of bytes of a connection."""
    return int.from_bytes(fcntl.ioctl(ours.fileno(), request, bytes(4)), sys.byteorder)


def _queues(ours: socket.socket) -> _Queues | None:
    """Look at the other end of a connection within this machine."""
    here, there = (f"0100007F:{end[1]:04X}" for end in (ours.getsockname(), ours.getpeername()))
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:3] == [there, here]:
            return _Queues(*(int(size, 16) for size in fields[4].split(":")))
    return None
