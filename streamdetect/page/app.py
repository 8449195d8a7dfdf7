"""The web application: the API below /api/v1, the page and its static files."""

from __future__ import annotations

import logging
from http import HTTPStatus
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from streamdetect.errors import StateError
from streamdetect.page.answers import ProblemError, problem
from streamdetect.page.guard import API, Guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from streamdetect.config import PageConfig
    from streamdetect.page.api import Api
    from streamdetect.page.guard import Guard

log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
BASE = b'<base href="/">'
"""A line in the head of the page; the prefix is put in here, so all other addresses can be relative."""
_PAGES = ("/", "/sensor", "/incidents", "/incident", "/health", "/about")


def application(settings: PageConfig, api: Api, guard: Guard) -> ASGIApp:
    """The application with its guard and prefix."""
    routes = [*_api_routes(api), *_page_routes(settings.prefix)]
    handlers: Any = {HTTPException: _problem, StateError: _unreadable, Exception: _bug}
    app: ASGIApp = Guarded(Starlette(routes=routes, exception_handlers=handlers), guard)
    app = Prefixed(app, settings.prefix)
    # The type says strings; networks like "10.0.0.0/8" work too.
    return ProxyHeadersMiddleware(app, list(settings.proxies)) if settings.proxies else app  # type: ignore[arg-type, return-value]


class Prefixed:
    """Removes the prefix from the path, unless the reverse proxy has removed it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path = scope.get("path", "")
        if self._prefix and path == self._prefix:
            await RedirectResponse(f"{self._prefix}/")(scope, receive, send)
            return
        if self._prefix and path.startswith(f"{self._prefix}/"):
            scope = {**scope, "path": path.removeprefix(self._prefix)}
        await self._app(scope, receive, send)


def _api_routes(api: Api) -> Iterator[BaseRoute]:
    reads = {
        "session": api.session,
        "sensors": api.sensors,
        "sensor": api.sensor,
        "sensors/{detector}/{sensor:path}": api.sensor,
        "series": api.series,
        "incidents": api.incidents,
        "incidents/{incident}": api.incident,
        "groups": api.groups,
        "health": api.health,
        "about": api.about,
        "events": api.events,
        "openapi.json": api.openapi,
    }
    writes = {
        "session": api.log_in,
        "mute": api.mute,
        "unmute": api.unmute,
        "sensitivity": api.sensitivity,
        "incidents/{incident}/feedback": api.feedback,
    }
    for path in dict.fromkeys([*reads, *writes]):
        methods = {"GET": reads.get(path), "POST": writes.get(path)}
        if path == "session":
            methods["DELETE"] = api.log_out
        yield Route(API + path, _endpoint(methods), methods=[name for name, one in methods.items() if one])


def _page_routes(prefix: str) -> Iterator[BaseRoute]:
    for path in _PAGES:
        yield Route(path, _page(prefix))
    yield Mount("/static/uplot", _Static(packages=[("youplot", "vendor")]))
    yield Mount("/static", _Static(directory=STATIC))


class _Static(StaticFiles):
    """Static files; a browser asks each time whether they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def _endpoint(methods: dict[str, Any]) -> Callable[[Request], Any]:
    """An endpoint, which runs on the page's own thread, so it never waits for long."""

    async def endpoint(request: Request) -> Response:
        answer = methods["GET" if request.method == "HEAD" else request.method]
        made = await answer(request) if iscoroutinefunction(answer) else answer(request)
        made.headers.setdefault("Cache-Control", "no-store")
        return cast("Response", made)

    return endpoint


def _page(prefix: str) -> Callable[[Request], Any]:
    """The page; its script shows what the address says."""

    async def endpoint(_: Request) -> Response:
        text = (STATIC / "index.html").read_bytes()
        answer = HTMLResponse(text.replace(BASE, b'<base href="%s/">' % prefix.encode(), 1))
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    return endpoint


def _problem(_: Request, error: Exception) -> Response:
    return problem(cast("HTTPException", error))


def _unreadable(_: Request, error: Exception) -> Response:
    return problem(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"cannot read the stored data: {error}"))


def _bug(request: Request, error: Exception) -> Response:
    log.error("cannot answer the request for %r", request.url.path, exc_info=error)
    return problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the daemon failed to answer: see its log"))
