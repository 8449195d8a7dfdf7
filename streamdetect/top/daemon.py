"""The address of a running daemon's metrics, and the request for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from streamdetect.config import MetricsConfig

_TIMEOUT = 5.0  # s
_OK = 200
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to, only looked up


class Place(NamedTuple):
    """A daemon's metrics port."""

    url: str  # without a path
    credentials: str = ""  # name:password
    certificate: str | None = None  # file: its own certificate, or that of its authority


def place_of(config: MetricsConfig) -> Place:
    """Return the address of a daemon with this configuration on this machine.

    Raises:
        ConfigError: its password cannot be read.
        StreamdetectError: it serves no metrics, or its port is not known.
    """
    if not config.enabled or not config.port:
        raise StreamdetectError("metrics: must be enabled, on a port other than 0: top reads them")
    host = _EVERYWHERE.get(config.host, config.host)
    name = f"[{host}]" if ":" in host else host
    scheme, certificate = ("https", config.tls.cert_file) if config.tls.enabled else ("http", None)
    credentials = f"{config.username}:{config.password_value()}" if config.username else ""
    return Place(f"{scheme}://{name}:{config.port}", credentials, certificate)


class Daemon:
    """Gets the metrics of a daemon."""

    def __init__(self, place: Place) -> None:
        self.url = place.url
        headers = urllib3.make_headers(basic_auth=place.credentials) if place.credentials else {}
        # The certificate from our own file is enough; it need not be for this host name.
        known = {"ca_certs": place.certificate, "assert_hostname": False} if place.certificate else {}
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, headers=headers, **known)  # type: ignore[arg-type]

    def metrics(self) -> str:
        """The metrics as text, in Prometheus' format.

        Raises:
            StreamdetectError: the daemon does not answer, or answers with an error.
        """
        try:
            answer = self._http.request("GET", f"{self.url}/metrics")
        except HTTPError as error:
            cause = error.__cause__ or error.__context__ or error
            why = getattr(cause, "strerror", None) or type(error).__name__
            raise StreamdetectError(f"{self.url} does not answer ({why}): does the daemon run?") from error
        if answer.status != _OK:
            raise StreamdetectError(f"{self.url}/metrics answers with HTTP status {answer.status}")
        return answer.data.decode(errors="replace")
