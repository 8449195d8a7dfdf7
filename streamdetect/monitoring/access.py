"""Who may use the HTTP port: TLS, with client certificates if so wanted, and a password."""

from __future__ import annotations

import hmac
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamdetect.config import secrets
from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from streamdetect.config import MetricsConfig, ServerTlsConfig


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """What a client has to bring.

    Attributes:
        tls: the context to speak TLS in; None without.
        authorization: the header's value for the one user there is; empty without a password.
    """

    tls: ssl.SSLContext | None = None
    authorization: bytes = b""

    def grants(self, authorization: str | None) -> bool:
        """Whether a request with this header may be answered; takes as long for any wrong one."""
        if not self.authorization:
            return True
        given = (authorization or "").encode("latin-1", "replace")
        return hmac.compare_digest(given, self.authorization)


def access(settings: MetricsConfig) -> Access:
    """Make what the configuration asks for.

    Raises:
        ConfigError: a file or the password cannot be read or does not fit.
    """
    authorization = b""
    if settings.username is not None:
        user = f"{settings.username}:{settings.password_value()}"
        authorization = b"Basic " + b64encode(user.encode())
    return Access(_context(settings.tls) if settings.tls.enabled else None, authorization)


def _context(tls: ServerTlsConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.client_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("metrics.tls.client_ca_file", tls.client_ca_file, error) from error
    if tls.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    secrets.check_closed("metrics.tls.key_file", str(tls.key_file))
    try:
        context.load_cert_chain(str(tls.cert_file), tls.key_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("metrics.tls.cert_file", tls.cert_file, error) from error
    return context


def _unusable(option: str, path: str | None, error: OSError) -> ConfigError:
    why = f"must be a readable PEM file ({error.strerror or error})"
    return ConfigError([Problem(option, why, repr(path))])
