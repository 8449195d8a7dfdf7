"""Access to the HTTP port: TLS, with client certificates if wanted, and a password."""

from __future__ import annotations

import hmac
import threading
import time
import unicodedata
from base64 import b64decode
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from streamdetect.config import PageConfig
from streamdetect.config.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from streamdetect.config import MetricsConfig

MOST_FAILURES = 10
"""Wrong passwords of an address, after which it is refused for a while."""
FORGIVEN_AFTER = 60.0
"""Seconds until it is no longer refused."""
_ADDRESSES = 1024  # remembered at a time
_NETWORK = 64  # bits of an IPv6 address that one client cannot choose


class Failures:
    """Counts the wrong passwords of each address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[str, tuple[float, int]] = {}  # when the first of them was, how many; oldest first

    def too_many(self, address: str) -> bool:
        """Tell whether the address has had its share; then it must not learn whether it is right."""
        with self._lock:
            first, count = self._counted.get(_client(address), (0.0, 0))
            return count >= MOST_FAILURES and self._clock() - first < FORGIVEN_AFTER

    def count(self, address: str) -> None:
        """Note a wrong password."""
        client, now = _client(address), self._clock()
        with self._lock:
            first, count = self._counted.pop(client, (now, 0))
            if now - first >= FORGIVEN_AFTER:
                first, count = now, 0
            if len(self._counted) >= _ADDRESSES:
                del self._counted[next(iter(self._counted))]
            self._counted[client] = first, count + 1


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The credentials that a client needs.

    Attributes:
        tls: the context to speak TLS in; None without.
        login: name and password of the one user, joined with a colon; empty without a password.
        token: a program's substitute for them; empty without one.
        failures: of all addresses.
    """

    tls: ssl.SSLContext | None = None
    login: str = ""
    token: str = ""
    failures: Failures = field(default_factory=Failures)

    def refusal(self, authorization: str | None, address: str) -> HTTPStatus | None:
        """Return why a request with this header from this address is refused; None if it is not."""
        if not (self.login or self.token):
            return None
        if self.failures.too_many(address):
            return HTTPStatus.TOO_MANY_REQUESTS
        if self._fits(authorization or ""):
            return None
        if authorization is not None:
            self.failures.count(address)
        return HTTPStatus.UNAUTHORIZED

    def user(self, authorization: str) -> str:
        """Return the name of the user of this header, which is not refused."""
        return self.login.partition(":")[0] if authorization.strip()[:5].lower() == "basic" else "token"

    def _fits(self, authorization: str) -> bool:
        """Hold the header against the password by RFC 7617, or the token by RFC 6750.

        It takes as long for any wrong one.
        """
        scheme, _, encoded = authorization.strip().partition(" ")
        if scheme.lower() == "bearer":
            return bool(self.token) and hmac.compare_digest(_normal(encoded.strip()), _normal(self.token))
        if not self.login:
            return False
        try:
            given = b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
        except ValueError:
            given = b""
        return hmac.compare_digest(_normal(_text(given)), _normal(self.login))


def access(settings: MetricsConfig | PageConfig, section: str = "metrics") -> Access:
    """Make the access that a section of the configuration describes.

    Raises:
        ConfigError: a file or the password cannot be read or does not fit.
    """
    login = "" if settings.username is None else f"{settings.username}:{settings.password_value()}"
    token = settings.token_value() if isinstance(settings, PageConfig) and settings.token_file else ""
    tls = server_context(settings.tls, f"{section}.tls") if settings.tls.enabled else None
    return Access(tls, login, token)


def _client(address: str) -> str:
    """Return what stands for a client: its address, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((parsed, _NETWORK), strict=False)) if parsed.version == 6 else address  # noqa: PLR2004


def _text(given: bytes) -> str:
    """Read name and password, in UTF-8 as we request it, or as older clients send it."""
    try:
        return given.decode()
    except UnicodeDecodeError:
        return given.decode("latin-1")


def _normal(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).encode(errors="replace")
