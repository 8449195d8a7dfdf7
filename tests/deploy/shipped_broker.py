"""Mosquitto as deploy/mosquitto sets it up, in a folder of its own."""

from __future__ import annotations

import getpass
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PASSWORDS = {"plant": "soil", "streamdetect": "sesame", "viewer": "window"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """The shipped configuration with nothing changed but ports, folders and the user that it runs as."""

    def __init__(self, deploy: Path, folder: Path, port: int, tls_port: int) -> None:
        self.port, self.tls_port, self.folder = port, tls_port, folder
        self.ca = folder / "certs" / "ca.crt"
        self._process = None
        shipped = deploy / "mosquitto"
        subprocess.run(
            ["sh", shipped / "certificates.sh", folder / "certs", "localhost"],
            check=True,
            capture_output=True,
        )
        for user, password in PASSWORDS.items():
            passwords = folder / "streamdetect.passwd"
            create = [] if passwords.exists() else ["-c"]
            subprocess.run(["mosquitto_passwd", "-b", *create, passwords, user, password], check=True)
        (folder / "streamdetect.acl").write_text((shipped / "streamdetect.acl").read_text())
        text = (shipped / "streamdetect.conf").read_text()
        for shipped_text, ours in {
            "/etc/mosquitto/": f"{folder}/",
            "listener 1883": f"listener {port}",
            "listener 8883": f"listener {tls_port} 127.0.0.1",
        }.items():
            assert shipped_text in text
            text = text.replace(shipped_text, ours)
        own = [f"user {getpass.getuser()}", f"persistence_location {folder}/", f"log_dest file {folder}/log"]
        (folder / "mosquitto.conf").write_text("\n".join([*own, "log_type all", text]))

    def start(self) -> None:
        self._process = subprocess.Popen(["mosquitto", "-c", self.folder / "mosquitto.conf"])
        while not self._accepts():
            if self._process.poll() is not None:
                pytest.fail(f"mosquitto did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    def client(self, program: str, user: str | None, *arguments: object, given: str = "", tls: bool = False):
        """Run mosquitto_pub or mosquitto_sub as one of the users; returns what it did."""
        who = ["-u", user, "-P", PASSWORDS[user]] if user else []
        where = ["-p", self.tls_port, "--cafile", self.ca] if tls else ["-p", self.port]
        command = [program, "-h", "localhost", "-V", "5", *where, *who, *arguments]
        return subprocess.run(
            [str(word) for word in command],
            check=False,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
        except OSError:
            return False
        return True
