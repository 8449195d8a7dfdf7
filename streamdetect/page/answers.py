"""Answers in JSON, and errors as RFC 9457 describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping


class Json(Response):
    """An answer in JSON; bytes are JSON already."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
        """Write the content as JSON."""
        return content if isinstance(content, bytes) else written_out(content)


def written_out(content: Any) -> bytes:  # noqa: ANN401 - likewise
    """Write JSON; a number that is not finite is null."""
    return orjson.dumps(content)


class ProblemError(HTTPException):
    """A request is refused or failed."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem(error: HTTPException) -> Response:
    """Make the answer that describes an error."""
    status = HTTPStatus(error.status_code)
    content = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": error.detail}
    return Response(orjson.dumps(content), status, error.headers, media_type="application/problem+json")
