"""What people change on the page: made into the commands that MQTT and the command line send, and sent.

The main loop carries a command out, and what became of it comes back as an event once it has taken effect.
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
from streamdetect.page.answering import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

_WAIT = 10.0  # s for a command to take effect
_MOST_BYTES = 4096  # of a body
_BUSY = {"Retry-After": "1"}


class Writing:
    """Has commands carried out, and waits for what becomes of them."""

    def __init__(self, ask: Callable[[bytes], bool]) -> None:
        """Prepare.

        Args:
            ask: hands a command to the main loop; False if it takes none now.
        """
        self._ask = ask
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}  # by the request's id

    def settle(self, data: dict[str, Any]) -> None:
        """Take note of what became of a command, by the data of its event."""
        future = self._waiting.get(data["request"])
        if future and not future.done():
            future.set_result(data)

    async def carry_out(self, given: dict[str, Any], by: str) -> dict[str, Any]:
        """Have a command carried out; gives what became of it.

        Raises:
            ProblemError: it is none, cannot be carried out, or is not yet.
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
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many commands wait", _BUSY)
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
    """Read the JSON object that a request brings.

    Raises:
        ProblemError: it brings something else, or something unknown in it.
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


def pattern_of(given: dict[str, Any]) -> Any:  # noqa: ANN401 - what was given is checked with the command
    """Which sensors a command is about: a sensor by its id, or those that a pattern fits.

    Raises:
        ProblemError: neither is given, or both are.
    """
    if ("sensor" in given) == ("glob" in given):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "must have sensor or glob")
    sensor = given.get("sensor")
    return glob.escape(sensor) if isinstance(sensor, str) else given.get("glob", sensor)
