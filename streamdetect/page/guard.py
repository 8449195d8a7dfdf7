"""The guard of every request: it decides who may look, and who may change something.

A browser adds the Authorization header of a login by itself, also to a request that another site made it
send. So a request that changes something must also bring a token that only our own page can read.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from streamdetect.monitoring.access import FORGIVEN_AFTER
from streamdetect.page.answers import ProblemError, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streamdetect.config import PageConfig
    from streamdetect.monitoring.access import Access

API = "/api/v1/"
COOKIE = "streamdetect"
_LASTS = 30 * 86_400  # s that a login lasts; it also ends with the daemon
CSRF = "X-CSRF-Token"
"""The header with the token that a request brings to change something."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Visitor(NamedTuple):
    """The sender of a request."""

    user: str = ""  # empty if nobody has logged in
    may_write: bool = False


class Guard:
    """Lets requests in, and knows who made them.

    If neither a name and password nor a token is set, everybody who reaches the address may look. They may
    change something only if the page listens on this machine alone and the Host header names this machine:
    another name means an attack (DNS rebinding), or a reverse proxy that others can reach.
    """

    def __init__(self, settings: PageConfig, access: Access) -> None:
        self._settings, self._access = settings, access
        self._secret = secrets.token_bytes(32)
        self.ways = [way for way, given in (("password", access.login), ("token", access.token)) if given]
        """The ways to log in."""

    def visitor(self, scope: Scope) -> Visitor:
        """Say who made a request.

        Raises:
            ProblemError: the request is refused.
        """
        headers = Headers(scope=scope)
        authorization = headers.get("Authorization")
        if not self.ways:
            return self._unasked(headers.get("Host", ""))
        if authorization is not None:
            return self._held_against(authorization, scope)
        user = self._user_of(HTTPConnection(scope).cookies.get(COOKIE, ""))
        if user or self._settings.public:
            return Visitor(user, may_write=bool(user))
        raise self._unauthorized(headers)

    def log_in(self, request: Request, given: Mapping[str, Any]) -> Visitor:
        """Check a token, or a name and a password.

        Raises:
            ProblemError: it is wrong, or there were too many wrong ones before.
        """
        self.check_origin(request)
        token, name, password = (str(given.get(key, "")) for key in ("token", "name", "password"))
        login = b64encode(f"{name}:{password}".encode()).decode()
        return self._held_against(f"Bearer {token}" if token else f"Basic {login}", request.scope)

    def cookie(self, visitor: Visitor, *, secure: bool) -> str:
        """Make the cookie of a login; a visitor without a name gets one that ends the login."""
        text = b64encode(visitor.user.encode()).decode()
        value, age = (f"{text}.{self._signed('login', text)}", _LASTS) if visitor.user else ("", 0)
        flags = "; Secure" if secure else ""
        path = f"{self._settings.prefix}/"
        return f"{COOKIE}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{flags}"

    def csrf(self, visitor: Visitor) -> str | None:
        """Return the token that our own page brings to change something; None if the visitor may not."""
        return self._signed("csrf", visitor.user) if visitor.may_write else None

    def check_writing(self, request: Request) -> Visitor:
        """Check that a visitor may change something, and that no other site made the browser ask.

        Raises:
            ProblemError: it is refused.
        """
        visitor: Visitor = request.scope["visitor"]
        if not visitor.may_write:
            raise ProblemError(HTTPStatus.FORBIDDEN, self._why_not())
        self.check_origin(request)
        brought = request.headers.get(CSRF, "").encode()
        if not hmac.compare_digest(brought, self._signed("csrf", visitor.user).encode()):
            raise ProblemError(HTTPStatus.FORBIDDEN, f"{CSRF}: must be the csrf of api/v1/session")
        return visitor

    def check_origin(self, request: Request) -> None:
        """Refuse a request that a page of another site made the browser send.

        Raises:
            ProblemError: it is such a request.
        """
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise ProblemError(HTTPStatus.FORBIDDEN, "Sec-Fetch-Site: must be same-origin")

    def _held_against(self, authorization: str, scope: Scope) -> Visitor:
        refusal = self._access.refusal(authorization, (scope.get("client") or ("", 0))[0])
        if refusal is None:
            return Visitor(self._access.user(authorization), may_write=True)
        if refusal == HTTPStatus.TOO_MANY_REQUESTS:
            wait = {"Retry-After": str(round(FORGIVEN_AFTER))}
            raise ProblemError(refusal, "too many wrong passwords: try again later", wait)
        raise self._unauthorized(Headers(scope=scope))

    def _unauthorized(self, headers: Headers) -> ProblemError:
        """Make the error without a login; our page has its own form, so its requests open no login window."""
        asks = headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        realm = 'Basic realm="streamdetect", charset="UTF-8"' if self._access.login else "Bearer"
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            f"a login is required: {' or '.join(self.ways)}",
            {"WWW-Authenticate": realm} if asks else None,
        )

    def _user_of(self, cookie: str) -> str:
        """Return the user whose login a cookie holds; empty if we did not make it."""
        text, _, signed = cookie.partition(".")
        if not hmac.compare_digest(signed.encode(), self._signed("login", text).encode()):
            return ""
        return b64decode(text).decode()

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.digest(self._secret, f"{purpose} {text}".encode(), "sha256").hex()

    def _why_not(self) -> str:
        if self.ways:
            return "a login is required to change something"
        return "others reach this address: page.username or page.token_file is required to change something"

    def _unasked(self, host: str) -> Visitor:
        if self._settings.tls.client_ca_file is not None:
            return Visitor("certificate", may_write=True)
        if not self._settings.is_local or self._settings.proxies:
            return Visitor()
        if not _is_local(host):
            detail = (
                f"Host: must be a name of this machine, like localhost, got {host[:100]!r}; "
                "behind a reverse proxy, set page.proxies"
            )
            raise ProblemError(HTTPStatus.MISDIRECTED_REQUEST, detail)
        return Visitor("", may_write=True)


class Guarded:
    """Asks the guard about every request, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_ENCODED]
            await send(message)

        try:
            scope["visitor"] = self._guard.visitor(scope)
        except ProblemError as refusal:
            if _asks_for_data(scope["path"]) or refusal.status_code == HTTPStatus.MISDIRECTED_REQUEST:
                await problem(refusal)(scope, receive, sending)
                return
            scope["visitor"] = Visitor()
        await self._app(scope, receive, sending)


_ENCODED = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


def _asks_for_data(path: str) -> bool:
    """Tell whether a path returns data; the page itself returns none, and is needed to log in."""
    return path.startswith(API) and path not in {f"{API}session", f"{API}openapi.json"}


def _is_local(host: str) -> bool:
    """Tell whether a Host header names this machine."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
