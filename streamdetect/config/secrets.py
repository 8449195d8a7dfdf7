"""Secrets are read where they are kept, when they are needed, and appear in no log, dump or error."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from streamdetect.config.files import check_regular, read_regular
from streamdetect.errors import ConfigError, Problem

_MAX_BYTES: Final = 64 * 1024
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


def from_file(option: str, path: str) -> str:
    """Read a secret from a file; one newline at its end is not part of it.

    The file must be closed to other users (systemd's credentials and mode 0600 or 0640 are).

    Raises:
        ConfigError: the file cannot be read, is open to all, is empty or is not UTF-8.
    """
    try:
        content, mode = read_regular(path, _MAX_BYTES + 1)
        secret = content.decode()
    except OSError as error:
        raise _problem(option, f"cannot be read: {error.strerror}", path) from error
    except UnicodeDecodeError:
        raise _problem(option, "must be UTF-8 text", path) from None
    _refuse_open(option, path, mode)
    if len(secret) > _MAX_BYTES:
        raise _problem(option, "must be at most 64 KiB", path)
    return _not_empty(option, secret.removesuffix("\n").removesuffix("\r"), path)


def from_environment(option: str, name: str) -> str:
    """Read a secret from an environment variable.

    Raises:
        ConfigError: the variable is not set or empty.
    """
    return _not_empty(option, os.environ.get(name, ""), name)


def check_closed(option: str, path: str) -> None:
    """See that a file which others read for us, like a private key, is closed to other users.

    Raises:
        ConfigError: it is not there, or open to all.
    """
    try:
        mode = check_regular(path)
    except OSError as error:
        raise _problem(option, f"cannot be read: {error.strerror}", path) from error
    _refuse_open(option, path, mode)


def _refuse_open(option: str, path: str, mode: int) -> None:
    if mode & stat.S_IRWXO:
        raise _problem(
            option, f"must be closed to other users (chmod o= {path}), mode is {stat.S_IMODE(mode):04o}"
        )


def _not_empty(option: str, secret: str, where: str) -> str:
    if secret:
        return secret
    raise _problem(option, "must not be empty", where)


def shown(where: str) -> str:
    """Return the name of a file or variable, or stars: somebody may have put the secret itself there."""
    is_path = os.sep in where and Path(where).parent.is_dir()
    return where if is_path or Path(where).exists() or _VARIABLE.fullmatch(where) else "***"


def _problem(option: str, rule: str, where: str = "") -> ConfigError:
    return ConfigError([Problem(option, rule, where and shown(where))])
