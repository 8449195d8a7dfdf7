"""The broker's address as people write it: `mqtts://user@broker:8883` or `broker:1883`, taken apart."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

_SCHEMES: Final = {
    "mqtt": ("tcp", False),
    "tcp": ("tcp", False),
    "mqtts": ("tcp", True),
    "ssl": ("tcp", True),
    "tls": ("tcp", True),
    "ws": ("websockets", False),
    "http": ("websockets", False),
    "wss": ("websockets", True),
    "https": ("websockets", True),
    "unix": ("unix", False),
}
_WITH_PORT: Final = re.compile(r"([^:/\[\]]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def taken_apart(section: dict[str, Any]) -> dict[str, Any]:
    """Return the `mqtt` section with the parts of a URL in `host` moved to their options.

    Raises:
        ValueError: the URL has no meaning, or another option contradicts it; fit for a configuration error.
            The text is not in it: it may hold a password.
    """
    host = section.get("host")
    if not isinstance(host, str):
        return section
    said = _of_url(host) if "://" in host else _of_pair(host)
    given = {name: value for name, value in section.items() if name != "host" and value is not None}
    tls = said.pop("tls", None)
    for name, value in said.items():
        if name in given and given[name] != value:
            raise ValueError(f"{name} must agree with the URL in host, or be left out")
    if tls is not None:
        given["tls"] = _with_tls(given.get("tls", {}), enabled=tls)
    return {**given, **said}


def _of_pair(host: str) -> dict[str, Any]:
    found = _WITH_PORT.fullmatch(host)
    return {"host": found[1].strip("[]"), "port": int(found[2])} if found else {"host": host.strip("[]")}


def _of_url(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("host must be a name, an address or a URL like mqtts://broker:8883") from None
    if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
        raise ValueError(f"host must be a name, an address or a URL of {', '.join(_SCHEMES)}, without ? or #")
    transport, tls = _SCHEMES[parts.scheme]
    said: dict[str, Any] = {"transport": transport, "port": port, "path": parts.path.rstrip("/")}
    if transport == "unix":
        return {"transport": "unix", "path": parts.netloc + parts.path}
    if not parts.hostname:
        raise ValueError("host must have a name or an address in its URL")
    said |= {"host": parts.hostname, "tls": tls or None}
    said |= {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return {name: value for name, value in said.items() if value}


def _with_tls(tls: object, *, enabled: bool) -> object:
    if isinstance(tls, dict) and tls.get("enabled") not in {None, enabled}:
        raise ValueError("tls.enabled must agree with the URL in host, or be left out")
    return {**tls, "enabled": enabled} if isinstance(tls, dict) else tls
