"""TLS contexts from the files that a section names."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from streamdetect.config import secrets
from streamdetect.config.files import check_regular
from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from streamdetect.config.broker import TlsConfig
    from streamdetect.config.service import ServerTlsConfig


def client_context(tls: TlsConfig, option: str) -> ssl.SSLContext:
    """Make a context that verifies the server's certificate and host name, and shows ours if there is one.

    Args:
        tls: the files.
        option: the section, for messages.

    Raises:
        ConfigError: a file cannot be read or does not fit, or the private key is open to other users.
    """
    context = _context(f"{option}.ca_file", ssl.Purpose.SERVER_AUTH, tls.ca_file)
    if tls.alpn:
        context.set_alpn_protocols(list(tls.alpn))
    if tls.cert_file is not None:
        _load_own(context, option, tls.cert_file, str(tls.key_file), tls.key_password_value())
    return context


def server_context(tls: ServerTlsConfig, option: str) -> ssl.SSLContext:
    """Make a context that shows our certificate, and requires one of the client with a `client_ca_file`.

    Raises:
        ConfigError: see `client_context`.
    """
    context = _context(f"{option}.client_ca_file", ssl.Purpose.CLIENT_AUTH, tls.client_ca_file)
    if tls.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    _load_own(context, option, str(tls.cert_file), str(tls.key_file))
    return context


def _context(option: str, purpose: ssl.Purpose, authority: str | None) -> ssl.SSLContext:
    try:
        if authority is not None:
            check_regular(authority)
        return ssl.create_default_context(purpose, cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(option, authority, error) from error


def _load_own(
    context: ssl.SSLContext, option: str, certificate: str, key: str, password: str | None = None
) -> None:
    secrets.check_closed(f"{option}.key_file", key)
    try:
        check_regular(certificate)
        context.load_cert_chain(certificate, key, password)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(f"{option}.cert_file", certificate, error) from error


def _unusable(option: str, path: str | None, error: OSError) -> ConfigError:
    rule = f"must be a readable PEM file ({error.strerror or error})"
    return ConfigError([Problem(option, rule, repr(path))])
