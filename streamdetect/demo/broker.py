"""An MQTT broker in a process of its own, so that a demo needs nothing else on the machine.

It speaks MQTT 3.1.1, keeps nothing and listens on the loopback interface alone.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from typing import Self

HOST = "127.0.0.1"
PROTOCOL = "3.1.1"  # what the broker speaks where no file configures it
_LARGEST = 1 << 20  # bytes of a payload
_POLL = 0.02  # s


class BrokerProcess:
    """A broker on the loopback interface, for as long as it is needed.

    Attributes:
        port: that it listens on.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its process, while it runs."""
        assert self._process is not None  # noqa: S101 - it was entered
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        """End it at once: it holds nothing that has to be kept."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None


class EmbeddedBroker(BrokerProcess):
    """The demo's broker; a context manager.

    Args:
        port: to listen on; 0 takes a free one.
    """

    name = "the demo's broker (iotcore)"
    protocol = PROTOCOL

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)

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


def serve(port: int) -> None:
    """Serve until the parent process closes our stdin or dies; print the port once it listens.

    Raises:
        OSError: another program listens on the port.
    """
    from iotcore import IotCoreBroker  # noqa: PLC0415 - in the child alone

    port = port or free_port()
    broker = IotCoreBroker(listen=HOST, port=port, max_payload_size=_LARGEST)
    broker.check_ports()
    threading.Thread(target=broker.run_forever, daemon=True).start()
    while not listens(port):
        time.sleep(_POLL)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)  # the broker cannot be asked to stop


def free_port() -> int:
    """Return a port of the loopback interface on which no program listens."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether a program listens on this port of the loopback interface."""
    try:
        socket.create_connection((HOST, port)).close()
    except ConnectionRefusedError:
        return False
    return True


def main() -> None:
    """Run the broker in this process."""
    logging.disable()  # it logs each connection that ends
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
