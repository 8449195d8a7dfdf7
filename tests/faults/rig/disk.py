"""A small disk of its own for a state directory: it can be filled, emptied and made read-only."""

from __future__ import annotations

import errno
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from rig.daemon import Daemon

_SIZE = 32 << 20
_PIECE = bytes(64 << 10)


class Disk:
    """A tmpfs where we may mount one; elsewhere a limit on the size of files stands for a full disk.

    Attributes:
        mounted: whether it is one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False
        self._ballast = folder / "ballast"

    def __enter__(self) -> Self:
        self.mounted = self._mount(f"size={_SIZE}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, daemon: Daemon) -> None:
        """Leave no room."""
        if not self.mounted:
            size = max(file.stat().st_size for file in daemon.state.iterdir())
            _, most = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, most))
            return
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(_PIECE) == len(_PIECE):
                    pass
                while file.write(b"\0"):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def empty(self, daemon: Daemon) -> None:
        """Return the room back."""
        if self.mounted:
            self._ballast.unlink()
        else:
            _, most = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (most, most))

    def protect(self, *, writable: bool) -> bool:
        """Remount it, or take the right to write from the folders in it; False if neither is possible."""
        if self.mounted:
            return self._mount("remount,rw" if writable else "remount,ro")
        for folder in (self.folder, *filter(Path.is_dir, self.folder.iterdir())):
            folder.chmod(0o700 if writable else 0o500)
        try:
            (self.folder / "probe").touch()
        except OSError:
            return not writable
        (self.folder / "probe").unlink()
        return writable

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "faults", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
