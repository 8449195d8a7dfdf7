"""An MQTT broker of our own, in a process of its own, so that a demo needs nothing else on the machine.

It speaks MQTT 3.1.1, keeps nothing and listens on the loopback interface alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from typing import Self

HOST = "127.0.0.1"
PROTOCOL = "3.1.1"  # amqtt answers MQTT 5 with "unacceptable protocol version"


class EmbeddedBroker:
    """The broker's process; a context manager.

    Args:
        port: to listen on; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it listens.

        Raises:
            StreamdetectError: It does not start.
        """
        with tempfile.TemporaryFile() as complaints:
            # A session of its own: Ctrl-C in the terminal must reach us alone.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "streamdetect.demo.broker", str(self.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
            )
            assert self._process.stdout is not None  # noqa: S101 - a pipe, as asked for
            answer = self._process.stdout.readline()
            if not answer:
                complaints.seek(0)
                why = complaints.read().decode(errors="replace").strip().splitlines() or ["it ended at once"]
                self.__exit__()
                raise StreamdetectError(f"the demo's broker does not start: {why[-1]}")
        self.port = int(answer)
        return self

    def __exit__(self, *_: object) -> None:
        """End it; it holds nothing that would be worth a goodbye."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None


async def serve(port: int) -> None:
    """Serve until whoever started us closes our stdin or dies; prints the port once it listens."""
    from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # noqa: PLC0415 - in the child alone
    from amqtt.broker import Broker  # noqa: PLC0415 - as above

    listener = "default"
    broker = Broker(
        {
            "listeners": {listener: {"type": "external"}},  # the socket is ours, so that its port is known
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), listener)

    server = await asyncio.start_server(connected, HOST, port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    os._exit(0)  # amqtt would wait for its clients


def main() -> None:
    """Be the broker's process."""
    logging.disable()  # it logs each packet that it takes amiss
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
