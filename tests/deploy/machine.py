"""A fresh Debian with systemd as its first process, in a container that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from zlib import crc32

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamdetect-check"
SUITE = "bookworm"
PACKAGES = (
    "ca-certificates,curl,dbus,hostname,libnss-systemd,mosquitto,mosquitto-clients,openssl,"
    "procps,python3,python3-venv,systemd,systemd-sysv"
)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTAINER = ("systemd-nspawn", "-q", "--register=no", "--keep-unit", "--volatile=overlay")
CHECKOUT = ("LICENSE", "README.md", "config.yaml", "deploy", "pyproject.toml", "streamdetect")


def debian() -> Path:
    """Return the root of a minimal Debian, made once."""
    root = CACHE / f"{SUITE}-{crc32(PACKAGES.encode()):08x}"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        making = CACHE / f"{SUITE}.making"
        shutil.rmtree(making, ignore_errors=True)
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, making)
        (making / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        making.rename(root)
    return root


def wheels(project: Path) -> Path:
    """Return a folder with all that pip needs to install the project there, made for its Python."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    own = [f"--bind-ro={path}" for path in ("/etc/pip.conf", "/etc/ssl/certs") if Path(path).exists()]
    script = (
        "python3 -m venv /tmp/v && /tmp/v/bin/pip wheel -q -w /wheels setuptools wheel "
        "&& cp -r /checkout /tmp/c && /tmp/v/bin/pip wheel -q -w /wheels --find-links /wheels /tmp/c "
        "&& rm /wheels/streamdetect-*"
    )
    binds = [*own, f"--bind={folder}:/wheels", f"--bind-ro={project}:/checkout"]
    _run(*CONTAINER, "-D", debian(), *binds, "sh", "-c", script)
    return folder


def checkout(root: Path, folder: Path) -> Path:
    """Copy what a user checks out."""
    for name in CHECKOUT:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


class Machine:
    """Boots at once."""

    def __init__(self, project: Path) -> None:
        binds = [f"--bind-ro={wheels(project)}:/wheels", f"--bind={project}:/usr/src/streamdetect"]
        command = [*CONTAINER, "--console=pipe", "--private-network", "-bD", debian(), *binds]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        self._leader = self._find_leader()
        self.until("systemctl is-system-running --wait | grep -Eqx 'running|degraded'")
        self.shell("printf '[global]\\nno-index = true\\nfind-links = /wheels\\n' > /etc/pip.conf")

    def shell(self, script: str, *, ok: bool = True) -> str:
        """Run a script as root; returns what it printed."""
        home = {"PATH": PATH, "HOME": "/root"}
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "/bin/bash", "-euo", "pipefail", "-c", script],
            check=False,
            env=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        if ok and done.returncode:
            raise RuntimeError(f"{script}\nreturned {done.returncode}:\n{done.stdout}")
        return done.stdout

    def until(self, script: str, seconds: float = 60) -> None:
        """Wait until a script succeeds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.shell(script)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            else:
                return

    def show(self, name: str, unit: str = "streamdetect") -> str:
        """One of a unit's properties."""
        return self.shell(f"systemctl show -P {name} {unit}").strip()

    def off(self) -> None:
        self.shell("systemctl poweroff || true")
        self._process.wait(60)

    def _find_leader(self) -> int:
        """The first process in there; nspawn's child."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return int(pid)
            time.sleep(0.1)
        raise TimeoutError("systemd does not start")


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200
    )
    if done.returncode:
        raise RuntimeError(f"{words} returned {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
