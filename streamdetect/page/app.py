"""What is served: the API below /api/v1, the pages, and what they are made of."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from streamdetect import __version__
from streamdetect.page.answering import Json, ProblemError, problem
from streamdetect.page.asking import only, query_of
from streamdetect.page.sensors import SensorList

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from streamdetect.page.sources import Sources

log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
BASE = '<base href="/">'
"""What every page has in its head; the prefix is put in here, so that all other addresses are relative."""
_PAGES = {
    "/": "index.html",
    "/sensors/{detector}/{sensor:path}": "sensor.html",
    "/incidents": "incidents.html",
    "/incidents/{incident}": "incident.html",
    "/health": "health.html",
    "/about": "about.html",
}


class Api:
    """Answers what is asked of the API."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._sensors = SensorList(sources)

    def session(self, request: Request) -> Response:
        """Who is asking, and what they may."""
        only(request.query_params, set())
        prefix = self._sources.config().page.prefix
        return Json(
            {"login": False, "may_write": False, "csrf": None, "version": __version__, "prefix": prefix}
        )

    def sensors(self, request: Request) -> Response:
        """One page of sensors."""
        listing = self._sensors.page(query_of(request.query_params))
        return Json({"total": listing.total, "counts": listing.counts, "sensors": listing.sensors})

    def sensor(self, request: Request) -> Response:
        """One sensor, with its views and settings."""
        only(request.query_params, set())
        told = self._sensors.one(request.path_params["detector"], request.path_params["sensor"])
        if told is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such sensor")
        return Json(told)


def application(sources: Sources) -> ASGIApp:
    """All of it."""
    api = Api(sources)
    prefix = sources.config().page.prefix
    routes = [
        Route("/api/v1/session", _called(api.session)),
        Route("/api/v1/sensors", _called(api.sensors)),
        Route("/api/v1/sensors/{detector}/{sensor:path}", _called(api.sensor)),
        *(Route(path, _page(name, prefix)) for path, name in _PAGES.items()),
        Mount("/static/uplot", StaticFiles(packages=[("youplot", "vendor")])),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: Any = {HTTPException: _problem, Exception: _bug}
    return Prefixed(Starlette(routes=routes, exception_handlers=handlers), prefix)


class Prefixed:
    """Takes the prefix off, whether or not the reverse proxy has."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path = scope.get("path", "")
        if self._prefix and path.startswith(f"{self._prefix}/"):
            scope = {**scope, "path": path.removeprefix(self._prefix)}
        await self._app(scope, receive, send)


def _called(answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
    """An answer that is made on the page's own thread, one after the other: it never waits."""

    async def endpoint(request: Request) -> Response:
        return answer(request)

    return endpoint


def _page(name: str, prefix: str) -> Callable[[Request], Any]:
    """A page; one that is not there is the first, which knows what to show by its address."""

    async def endpoint(_: Request) -> Response:
        path = STATIC / name
        text = (path if path.exists() else STATIC / "index.html").read_text()
        return HTMLResponse(text.replace(BASE, f'<base href="{prefix}/">', 1))

    return endpoint


def _problem(_: Request, error: Exception) -> Response:
    return problem(cast("HTTPException", error))


def _bug(request: Request, error: Exception) -> Response:
    log.error("cannot answer %r", request.url.path, exc_info=error)
    return problem(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log"))
