"""Who may use the HTTP port: TLS, with client certificates if so wanted, and a password."""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamdetect.config.tls import server_context

if TYPE_CHECKING:
    import ssl

    from streamdetect.config import MetricsConfig


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
    return Access(
        server_context(settings.tls, "metrics.tls") if settings.tls.enabled else None, authorization
    )
