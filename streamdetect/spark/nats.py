"""NATS JetStream as a log: one stream for each partition; its sequence numbers are the offsets."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from streamdetect.config import TlsConfig
from streamdetect.config.tls import client_context
from streamdetect.errors import StreamdetectError
from streamdetect.spark.log import STRETCH, STRETCH_BYTES, Bounds, Entry, Log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from nats.aio.msg import Msg

    from streamdetect.config import SparkConfig

_CONNECT = 5  # s
_ATTEMPTS = 15  # to connect to a server, 2 s apart; then systemd or Spark starts anew
_PATIENCE = 60.0  # s for a stretch
_HEARTBEAT = 5.0  # s
_PENDING = 1 << 40  # messages and bytes; the server's flow control bounds both, so the client need not
_ESCAPED = re.compile(r"/[./]|\.|/")
_NS = 1_000_000_000


class NatsLog(Log):
    """The streams of one or several NATS servers."""

    def __init__(self, settings: SparkConfig) -> None:
        self._settings = settings

    def bounds(self) -> list[Bounds]:
        """Return the bounds of each stream; see Log."""
        found: list[Bounds] = _told(asyncio.run, self._bounds())
        return found

    def read(self, partition: int, start: int, end: int) -> Iterator[list[Entry]]:
        """Yield messages, from an ordered consumer whose pace the server sets; see Log."""
        with asyncio.Runner() as runner:
            stretches = self._read(self._settings.streams[partition], start, end)
            while stretch := _told(runner.run, anext(stretches, [])):
                yield stretch

    async def _bounds(self) -> list[Bounds]:
        async with self._connected() as client:
            found = []
            for stream in self._settings.streams:
                its = (await _ask(client, f"STREAM.INFO.{stream}", {}))["state"]
                found.append(Bounds(max(its["first_seq"], 1), its["last_seq"] + 1))
            return found

    async def _read(self, stream: str, start: int, end: int) -> AsyncIterator[list[Entry]]:
        async with self._connected() as client:
            arrivals = _Arrivals(self._settings.subject_levels, end)
            config = ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(start, 1),
                ack_policy=AckPolicy.NONE,
            )
            subscription = await client.jetstream().subscribe(
                "",
                stream=stream,
                cb=arrivals.take,
                config=config,
                ordered_consumer=True,
                manual_ack=True,
                idle_heartbeat=_HEARTBEAT,
                pending_msgs_limit=_PENDING,
                pending_bytes_limit=_PENDING,
            )
            while stretch := await arrivals.stretch():
                yield stretch
            await subscription.unsubscribe()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        client, settings = Client(), self._settings
        given: dict[str, Any] = {
            "user": settings.username,
            "password": settings.password_value(),
            "user_credentials": settings.credentials_file,
            "tls": _tls(settings),
        }
        await client.connect(
            servers=list(settings.servers),
            name="streamdetect",
            allow_reconnect=False,
            connect_timeout=_CONNECT,
            max_reconnect_attempts=_ATTEMPTS,
            **{name: value for name, value in given.items() if value is not None},
        )
        try:
            yield client
        finally:
            await client.close()


class _Arrivals:
    """Gathers messages into stretches; reads nothing from the server while a stretch waits to be taken."""

    def __init__(self, levels: int, end: int) -> None:
        self._levels, self._end = levels, end
        self._entries: list[Entry] = []
        self._size = 0
        self._whole = asyncio.Event()  # a stretch is complete, or it is the last one
        self._taken = asyncio.Event()
        self._done = False

    async def take(self, message: Msg) -> None:
        """Take a message; its reply says `$JS.ACK.stream.consumer.n.sequence.n.nanoseconds.n`."""
        parts = message.reply.split(".")
        offset = int(parts[-4])
        if offset < self._end:
            topic = mqtt_topic(message.subject, self._levels)
            self._entries.append(Entry(offset, int(parts[-2]) / _NS, topic, message.data))
            self._size += len(message.data)
        self._done = offset >= self._end - 1
        if self._done or len(self._entries) >= STRETCH or self._size >= STRETCH_BYTES:
            self._taken.clear()
            self._whole.set()
            await self._taken.wait()

    async def stretch(self) -> list[Entry]:
        """Return the next messages; empty when there are no more.

        Raises:
            TimeoutError: the stretch did not become complete in time.
        """
        if self._done and not self._entries:
            return []
        await asyncio.wait_for(self._whole.wait(), _PATIENCE)
        entries, self._entries, self._size = self._entries, [], 0
        self._whole.clear()
        if not self._done:
            self._taken.set()
        return entries


def mqtt_topic(subject: str, levels: int) -> str:
    """Return the MQTT topic in a NATS subject, without the first `levels` levels.

    NATS writes / as . and . as //, and an empty level as / next to the dot.
    """
    rest = subject.split(".", levels)[-1] if levels else subject
    if "/" not in rest:
        return rest.replace(".", "/")
    return _ESCAPED.sub(lambda found: {"/.": "/", "//": ".", ".": "/", "/": ""}[found[0]], rest)


def _tls(settings: SparkConfig) -> object:
    if settings.ca_file is None:
        return None
    return client_context(TlsConfig(enabled=True, ca_file=settings.ca_file), "spark")


async def _ask(client: Client, subject: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{subject}", orjson.dumps(asked), timeout=_CONNECT)
    said: dict[str, Any] = orjson.loads(answer.data)
    if "error" in said:
        raise StreamdetectError(f"NATS: {subject}: {said['error']['description']}")
    return said


def _told(run: Any, asked: Any) -> Any:  # noqa: ANN401
    """Run, and turn errors of NATS into ours."""
    try:
        return run(asked)
    except (NatsError, OSError, TimeoutError) as error:
        raise StreamdetectError(f"NATS: {error or type(error).__name__}") from error
