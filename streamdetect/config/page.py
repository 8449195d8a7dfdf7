"""The live page and its API: its address, its users, and how much it remembers."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from streamdetect.config import secrets
from streamdetect.config.quantities import Size
from streamdetect.config.section import Broken, Section
from streamdetect.config.service import ServerTlsConfig, half_a_login


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError("must be an address or a network like 10.0.0.0/8") from None
    return text


class PageConfig(Section):
    """The live page and its JSON API, on a port of their own."""

    enabled: bool = False
    """Serve them; `page: true` for short. Needs the extra `page`."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; 0.0.0.0 lets other machines in."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9465
    """The port; 0 takes a free one."""
    prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.~-]{1,64}){0,8}$")] = ""
    """The path that it has behind a reverse proxy, like /streamdetect."""
    proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(strict=False)] = ()
    """Addresses and networks of reverse proxies, whose X-Forwarded-For is believed."""
    username: Annotated[str, Field(pattern=r"^[^:\x00-\x1f]{1,256}$")] | None = None
    """The user name for basic authentication. Without TLS it is sent in clear text."""
    password_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, that holds the password."""
    token_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, that holds a token for programs (Authorization: Bearer)."""
    public: bool = False
    """Let everybody look; name and password, or the token, are needed to change something only."""
    series: Annotated[Size, Field(ge=256 * 1024)] = 256 * 1024**2
    """The size of past values and scores of all sensors in the state directory at most."""
    tls: ServerTlsConfig = ServerTlsConfig()
    """TLS, with client certificates if you like."""

    @property
    def has_access(self) -> bool:
        """True if visitors have to log in."""
        return self.username is not None or self.token_file is not None or self.tls.client_ca_file is not None

    @property
    def is_local(self) -> bool:
        """True if only this machine can reach the address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def password_value(self) -> str:
        """Read the password.

        Raises:
            ConfigError: it cannot be read.
        """
        return secrets.from_file("page.password_file", str(self.password_file))

    def token_value(self) -> str:
        """Read the token.

        Raises:
            ConfigError: it cannot be read.
        """
        return secrets.from_file("page.token_file", str(self.token_file))

    def broken(self) -> Iterator[Broken]:
        """Find half a login, and a page that is public without one."""
        yield from half_a_login(self.username, self.password_file)
        if self.public and not self.has_access:
            yield Broken("public", "needs username or token_file", self.public, ("username", "token_file"))
