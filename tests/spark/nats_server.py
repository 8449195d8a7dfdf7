"""A real NATS server with JetStream, and a publisher."""

import asyncio
import shutil
import signal
import subprocess
import time

import nats
import pytest
from nats.js.api import StreamConfig
from real_broker import free_port


async def _quiet(_: Exception) -> None:
    """Let the error be raised alone; by default nats-py prints it, too."""


class NatsServer:
    """A process with its own folder; it keeps its port when it is started again."""

    def __init__(self, folder, lines=()):
        if shutil.which("nats-server") is None:
            pytest.skip("no nats-server; tests/spark/run.sh installs it")
        self.folder, self.port = folder, free_port()
        self.config = folder / "nats.conf"
        own = [
            f"listen: 127.0.0.1:{self.port}",
            "server_name: test",
            f'jetstream {{ store_dir: "{folder}" }}',
        ]
        self.config.write_text("\n".join([*own, *lines]) + "\n")
        self.start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(["nats-server", "-c", str(self.config)], stdout=log, stderr=log)
        for _ in range(600):
            try:
                self.do(self._answers)
            except (OSError, nats.errors.Error):
                time.sleep(0.05)
            else:
                return
        raise RuntimeError((self.folder / "nats.log").read_text())

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)

    def stop(self):
        self._process.terminate()
        self._process.wait(60)

    def do(self, what):
        """Run a coroutine function with a connection."""

        async def run():
            client = await nats.connect(self.url, allow_reconnect=False, connect_timeout=30, error_cb=_quiet)
            try:
                return await what(client)
            finally:
                await client.close()

        return asyncio.run(run())

    def add_streams(self, count, **options):
        async def add(client):
            for at in range(count):
                config = StreamConfig(name=f"sd-{at}", subjects=[f"sd.{at}.>"], **options)
                await client.jetstream().add_stream(config)

        self.do(add)

    def publish(self, messages):
        """Publish each (subject, payload), and wait until the server has acknowledged all."""

        async def publish(client):
            stream = client.jetstream(publish_async_max_pending=1000)
            futures = [await stream.publish_async(subject, payload) for subject, payload in messages]
            await asyncio.gather(*futures)

        self.do(publish)

    def stored(self):
        """Count the messages that the streams have taken."""

        async def count(client):
            found = await client.jetstream().streams_info()
            return sum(one.state.last_seq for one in found if one.config.name.startswith("sd-"))

        return self.do(count)

    @staticmethod
    async def _answers(client):
        await client.jetstream().account_info()
