"""Who may look, and who may change something: nobody gets past here unasked.

A login comes by the Authorization header, which a browser adds by itself, also to a request that another site
made it send. So whatever changes something has to bring a token that only our own page can read, too.
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
from streamdetect.page.answering import ProblemError, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streamdetect.config import PageConfig
    from streamdetect.monitoring.access import Access

API = "/api/v1/"
COOKIE = "streamdetect"
_LASTS = 30 * 86_400  # s that a login lasts; it ends with the daemon, too
CSRF = "X-CSRF-Token"
"""The header that a writing call brings."""
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
    """Who is asking."""

    user: str = ""  # empty if nobody has said
    may_write: bool = False


class Guard:
    """Lets requests in, and knows who made them.

    Without a name and password or a token anybody may look who reaches the address. Whoever does may change
    something only if the address is of this machine alone, and was called by such a name: a name of elsewhere
    that leads here is an attack (DNS rebinding), or a reverse proxy, which others reach.
    """

    def __init__(self, settings: PageConfig, access: Access) -> None:
        self._settings, self._access = settings, access
        self._secret = secrets.token_bytes(32)
        self.ways = [way for way, given in (("password", access.login), ("token", access.token)) if given]
        """How somebody can log in."""

    def visitor(self, scope: Scope) -> Visitor:
        """Say who is asking.

        Raises:
            ProblemError: it is not answered.
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
        """Hold a token, or a name and a password, against what is right.

        Raises:
            ProblemError: it is wrong, or too much was wrong before.
        """
        self.check_origin(request)
        token, name, password = (str(given.get(key, "")) for key in ("token", "name", "password"))
        login = b64encode(f"{name}:{password}".encode()).decode()
        return self._held_against(f"Bearer {token}" if token else f"Basic {login}", request.scope)

    def cookie(self, visitor: Visitor, *, secure: bool) -> str:
        """What a browser keeps of a login; that of nobody ends one."""
        text = b64encode(visitor.user.encode()).decode()
        value, age = (f"{text}.{self._signed('login', text)}", _LASTS) if visitor.user else ("", 0)
        flags = "; Secure" if secure else ""
        path = f"{self._settings.prefix}/"
        return f"{COOKIE}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{flags}"

    def csrf(self, visitor: Visitor) -> str | None:
        """What our own page has to bring to change something; None if the visitor may not."""
        return self._signed("csrf", visitor.user) if visitor.may_write else None

    def check_writing(self, request: Request) -> Visitor:
        """Let nobody change anything who may not, or whose browser was made to by another site.

        Raises:
            ProblemError: it is not allowed.
        """
        visitor: Visitor = request.scope["visitor"]
        if not visitor.may_write:
            raise ProblemError(HTTPStatus.FORBIDDEN, self._why_not())
        self.check_origin(request)
        brought = request.headers.get(CSRF, "").encode()
        if not hmac.compare_digest(brought, self._signed("csrf", visitor.user).encode()):
            raise ProblemError(HTTPStatus.FORBIDDEN, f"{CSRF}: must be what api/v1/session gives as csrf")
        return visitor

    def check_origin(self, request: Request) -> None:
        """Refuse what a page of another site makes a browser send.

        Raises:
            ProblemError: it is that.
        """
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise ProblemError(HTTPStatus.FORBIDDEN, "Sec-Fetch-Site: must be same-origin")

    def _held_against(self, authorization: str, scope: Scope) -> Visitor:
        refusal = self._access.refusal(authorization, (scope.get("client") or ("", 0))[0])
        if refusal is None:
            return Visitor(self._access.user(authorization), may_write=True)
        if refusal == HTTPStatus.TOO_MANY_REQUESTS:
            wait = {"Retry-After": str(round(FORGIVEN_AFTER))}
            raise ProblemError(refusal, "there were too many wrong passwords; try again later", wait)
        raise self._unauthorized(Headers(scope=scope))

    def _unauthorized(self, headers: Headers) -> ProblemError:
        """The answer to who has to log in; a page asks by itself, and wants no window of the browser's."""
        asks = headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        realm = 'Basic realm="streamdetect", charset="UTF-8"' if self._access.login else "Bearer"
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            f"a login is needed: {' or '.join(self.ways)}",
            {"WWW-Authenticate": realm} if asks else None,
        )

    def _user_of(self, cookie: str) -> str:
        """Whose login a cookie is of; nobody's if we did not make it."""
        text, _, signed = cookie.partition(".")
        if not hmac.compare_digest(signed.encode(), self._signed("login", text).encode()):
            return ""
        return b64decode(text).decode()

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.digest(self._secret, f"{purpose} {text}".encode(), "sha256").hex()

    def _why_not(self) -> str:
        if self.ways:
            return "a login is needed to change something"
        return "others reach this address: page.username or page.token_file is needed to change something"

    def _unasked(self, host: str) -> Visitor:
        if self._settings.tls.client_ca_file is not None:
            return Visitor("certificate", may_write=True)
        if not self._settings.is_local or self._settings.proxies:
            return Visitor()
        if not _is_local(host):
            detail = (
                f"Host: must be a name of this machine like localhost, got {host[:100]!r}; "
                "behind a reverse proxy set page.proxies"
            )
            raise ProblemError(HTTPStatus.MISDIRECTED_REQUEST, detail)
        return Visitor("", may_write=True)


class Guarded:
    """Asks the guard about every request, and says in every answer what a browser must not do with it."""

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
    """Whether a path gives more than the page itself, which shows nothing and has to be there to log in."""
    return path.startswith(API) and path not in {f"{API}session", f"{API}openapi.json"}


def _is_local(host: str) -> bool:
    """Whether a Host header names this machine itself."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
