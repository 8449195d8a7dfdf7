"""The connection to the broker."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from streamdetect.config import secrets
from streamdetect.config.addresses import taken_apart
from streamdetect.config.quantities import Size, Span
from streamdetect.config.section import Broken, Section

_MAX_KEEPALIVE = 65_535  # s; two bytes in CONNECT (MQTT 5.0, 3.1.2.10)
_MAX_EXPIRY = 0xFFFF_FFFE  # s; the next one means never (3.1.2.11.2)
_DEFAULT_PORTS = {
    ("tcp", False): 1883,
    ("tcp", True): 8883,
    ("websockets", False): 80,
    ("websockets", True): 443,
}


def _version(value: object) -> object:
    return "5" if value == 5 and type(value) is int else value  # noqa: PLR2004 - unquoted, YAML reads a number


class TlsConfig(Section):
    """TLS to the broker; its certificate and host name are always verified."""

    enabled: bool = False
    """Speak TLS."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    cert_file: str | None = None
    """Our certificate, for brokers that ask for one."""
    key_file: str | None = None
    """Its private key."""
    key_password_file: str | None = None
    """A file that holds the private key's password."""

    alpn: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(strict=False)] = ()
    """Protocols to offer to the server (ALPN): x-amzn-mqtt-ca for AWS IoT on port 443."""

    def key_password_value(self) -> str | None:
        """Read the private key's password.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.key_password_file is None:
            return None
        return secrets.from_file("mqtt.tls.key_password_file", self.key_password_file)

    def broken(self) -> Iterator[Broken]:
        """Find files without their counterparts."""
        if self.key_file and not self.cert_file:
            yield Broken("cert_file", "is required with key_file", also=("key_file",))
        if self.cert_file and not self.key_file:
            yield Broken("key_file", "is required with cert_file", also=("cert_file",))
        if self.key_password_file and not self.key_file:
            yield Broken("key_file", "is required with key_password_file", also=("key_password_file",))
        if not self.enabled:
            for name in ("ca_file", "cert_file", "key_file", "key_password_file", "alpn"):
                if getattr(self, name):
                    yield Broken(name, "needs tls.enabled: true", getattr(self, name), also=("enabled",))


class MqttConfig(Section):
    """The broker, and our login there."""

    host: Annotated[str, Field(min_length=1)] = "localhost"
    """Name or address of the broker, or a URL like mqtts://broker:8883."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """By default 1883, with TLS 8883, over WebSocket 80 and 443."""
    transport: Literal["tcp", "websockets", "unix"] = "tcp"
    """The transport of MQTT."""
    path: Annotated[str, Field(min_length=1)] | None = None
    """WebSocket: the path in the URL, by default /mqtt. Unix: the socket."""
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(_version)] = "5"
    """The version of MQTT."""
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "streamdetect"
    """The broker keeps the session under this name: one per daemon, and the same at every start."""
    username: Annotated[str, Field(min_length=1)] | None = None
    """Our user name at the broker."""
    password: SecretStr | None = None
    """The password itself; one of the next two is safer."""
    password_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, that holds the password."""
    password_env: Annotated[str, Field(min_length=1)] | None = None
    """The name of an environment variable that holds the password."""
    keepalive: Annotated[Span, Field(ge=1, le=_MAX_KEEPALIVE, multiple_of=1)] = 30.0
    """After so long without traffic, ask the broker whether it is still there."""
    qos: Annotated[int, Field(ge=0, le=1)] = 1
    """0: messages may be lost. 1: none is, some may come twice."""
    persistent_session: bool = True
    """The broker keeps messages for us while we are away."""
    session_expiry: Annotated[Span, Field(ge=1, le=_MAX_EXPIRY, multiple_of=1)] = 3_600.0
    """For how long it keeps them."""
    max_undelivered_messages: Annotated[int, Field(ge=1, le=65_535)] = 1_000
    """QoS 1 messages taken and not acknowledged, at most; the Receive Maximum is one less."""
    max_payload: Annotated[Size, Field(le=16 * 1024**2)] = 64 * 1024
    """Larger messages are refused."""
    retained: Literal["drop", "accept"] = "drop"
    """Retained messages repeat an earlier value; by default they are counted and dropped."""
    tls: TlsConfig = TlsConfig()
    """TLS to the broker."""
    reconnect_max: Annotated[Span, Field(ge=1)] = 30.0
    """The longest pause between two attempts to connect."""

    @model_validator(mode="before")
    @classmethod
    def _take_apart(cls, section: Any) -> Any:  # noqa: ANN401 - whatever stands there
        return taken_apart(section) if isinstance(section, dict) else section

    @property
    def resolved_port(self) -> int:
        """The port to connect to; 0 for a unix socket."""
        return self.port or _DEFAULT_PORTS.get((self.transport, self.tls.enabled), 0)

    @property
    def address(self) -> str:
        """The address of the broker, for messages: broker.lan:1883."""
        return str(self.path) if self.transport == "unix" else f"{self.host}:{self.resolved_port}"

    @property
    def websocket_path(self) -> str:
        """The path of the WebSocket URL."""
        return self.path or "/mqtt"

    def password_value(self) -> str | None:
        """Fetch the password from wherever it is kept.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.password_file is not None:
            return secrets.from_file("mqtt.password_file", self.password_file)
        if self.password_env is not None:
            return secrets.from_environment("mqtt.password_env", self.password_env)
        return None if self.password is None else self.password.get_secret_value()

    def broken(self) -> Iterator[Broken]:
        """Find contradictions between options of the password and the transport."""
        if "@" in self.host:
            yield Broken("host", "must not contain a login: use username and password_file", "***")
        sources = [
            name for name in ("password", "password_file", "password_env") if getattr(self, name) is not None
        ]
        for name in sources[1:]:
            yield Broken(name, f"cannot be combined with {sources[0]}", also=(sources[0],))
        if sources and self.username is None:
            yield Broken("username", f"is required with {sources[0]}", also=(sources[0],))
        yield from self._broken_transport()

    def _broken_transport(self) -> Iterator[Broken]:
        also = ("transport",)
        if self.transport == "tcp" and self.path is not None:
            yield Broken("path", "is for the transports websockets and unix", self.path, also)
        if self.transport == "websockets" and self.path is not None and not self.path.startswith("/"):
            yield Broken("path", "must begin with / for the transport websockets", self.path, also)
        if self.transport == "unix":
            if self.path is None:
                yield Broken(
                    "path", "is required for the transport unix: the socket to connect to", also=also
                )
            if self.port is not None:
                yield Broken("port", "is not for the transport unix", self.port, also)
            if self.tls.enabled:
                yield Broken("tls.enabled", "is not for the transport unix", value=True, also=also)
