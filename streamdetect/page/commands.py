"""Turns changes on the page into the commands that MQTT and the command line send, and sends them.

The main loop carries a command out. The outcome comes back as an event, once it has taken effect.
"""

from __future__ import annotations

import asyncio
import glob
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from streamdetect.config.commands import command
from streamdetect.errors import ConfigError
from streamdetect.page.answers import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

_WAIT = 10.0  # s for a command to take effect
_MOST_BYTES = 4096  # of a body
_BUSY = {"Retry-After": "1"}


class Commands:
    """Sends commands to the main loop, and waits for their outcome."""

    def __init__(self, ask: Callable[[bytes], bool]) -> None:
        """Prepare.

        Args:
            ask: sends a command to the main loop; False if it takes none now.
        """
        self._ask = ask
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}  # by the request's id

    def settle(self, data: dict[str, Any]) -> None:
        """Note the outcome of a command, from the data of its event."""
        future = self._waiting.get(data["request"])
        if future and not future.done():
            future.set_result(data)

    async def carry_out(self, given: dict[str, Any], by: str) -> dict[str, Any]:
        """Send a command, and return its outcome.

        Raises:
            ProblemError: it is not a valid command, fails, or has not taken effect in time.
        """
        request = secrets.token_hex(16)
        payload = orjson.dumps({**given, "by": by, "request": request})
        try:
            command(payload)
        except ConfigError as error:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        self._waiting[request] = future = asyncio.get_running_loop().create_future()
        try:
            if not self._ask(payload):
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many commands are waiting", _BUSY)
            data = await asyncio.wait_for(future, _WAIT)
        except TimeoutError:
            detail = f"not carried out within {_WAIT:g} s; it will be, once the state can be saved"
            raise ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail) from None
        finally:
            del self._waiting[request]
        if data["error"]:
            missing = data["error"].startswith("there is no ")
            raise ProblemError(HTTPStatus.NOT_FOUND if missing else HTTPStatus.CONFLICT, data["error"])
        return {name: value for name, value in data.items() if name != "error"}


async def body_of(request: Request, known: set[str]) -> dict[str, Any]:
    """Read the JSON object in the body of a request.

    Raises:
        ProblemError: the body is something else, or has an unknown field.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"must have at most {_MOST_BYTES} bytes")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"must be JSON: {error}") from error
    if not isinstance(given, dict):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "must be a JSON object")
    unknown = sorted(set(given) - known)
    if unknown:
        detail = f"{unknown[0][:100]}: unknown, known are {', '.join(sorted(known))}"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return given


def pattern_of(given: dict[str, Any]) -> Any:  # noqa: ANN401 - checked with the command
    """The pattern of the sensors that a command is about, from a sensor's id or a glob.

    Raises:
        ProblemError: neither is given, or both are.
    """
    if ("sensor" in given) == ("glob" in given):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "must have sensor or glob")
    sensor = given.get("sensor")
    return glob.escape(sensor) if isinstance(sensor, str) else given.get("glob", sensor)
