"""Events to a URL, by HTTP POST: CloudEvents in structured or binary mode, signed.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com), for which most languages have a
library; the modes are those of the CloudEvents HTTP protocol binding 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import orjson
import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationValueError,
    NewConnectionError,
    TimeoutError,  # noqa: A004 - theirs
)

from streamdetect import __version__
from streamdetect.sinks.choosing import ChoosingWorker
from streamdetect.sinks.sink import FailedError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from streamdetect.config import WebhookConfig
    from streamdetect.store import Event

# Answers that refuse this very event: the same bytes will never be accepted.
_REFUSALS = frozenset({400, 406, 411, 413, 414, 415, 422, 431})
_DOUBTFUL = frozenset({500, 501})  # a bug there, in the face of this event or of any
_UNSAFE = '%"\x7f'  # beside what is not printable ASCII (CloudEvents HTTP binding 1.0.2, 3.1.3.2)
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in _UNSAFE)


class Webhook(ChoosingWorker):
    """Posts each event to one URL."""

    kind: ClassVar[str] = "webhook"

    def __init__(self, name: str, settings: WebhookConfig) -> None:
        """Read the secrets; nothing is connected before the first event.

        Raises:
            ConfigError: a secret cannot be read.
        """
        super().__init__(name, settings)
        section = f"webhooks.{name}"
        self._url = settings.url_value(section)
        self._binary = settings.mode == "binary"
        self._key = signing_key(settings.secret_value(section))
        self._headers = settings.header_values(section)
        timeout = urllib3.Timeout(total=settings.timeout)
        self._http = urllib3.PoolManager(
            num_pools=1, timeout=timeout, retries=False, ca_certs=settings.ca_file
        )

    def deliver(self, event: Event) -> None:
        """Post an event.

        Raises:
            RefusedError: the receiver will never take it.
            FailedError: it failed over it.
            UnavailableError: there is no answer, or one that it takes nothing now.
        """
        body, headers = binary(event) if self._binary else structured(event)
        headers |= self._headers | {"User-Agent": f"streamdetect/{__version__}"}
        if self._key:
            headers |= signature(self._key, event.id, int(time.time()), body)
        try:
            # The body of the answer is of no use, and might never end.
            answer = self._http.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
        except HTTPError as error:
            raise UnavailableError(_why(error)) from error
        wait = _retry_after(answer)
        answer.close()
        _judge(answer.status, wait)


def structured(event: Event) -> tuple[bytes, dict[str, str]]:
    """Return the event as one JSON document, and the headers that go with it."""
    return event.payload, {"Content-Type": "application/cloudevents+json; charset=utf-8"}


def binary(event: Event) -> tuple[bytes, dict[str, str]]:
    """Return the event's data, and its attributes as headers."""
    attributes = orjson.loads(event.payload)
    data, content = attributes.pop("data"), attributes.pop("datacontenttype")
    headers = {f"ce-{name}": quote(value, safe=_SAFE) for name, value in attributes.items()}
    return orjson.dumps(data), headers | {"Content-Type": content}


def signing_key(secret: str | None) -> bytes:
    """Return the key of a secret: `whsec_` and base64, or any other text as it is; empty without one.

    Raises:
        ValueError: the text after `whsec_` is not base64.
    """
    if secret is None:
        return b""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


def signature(key: bytes, event: str, now: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks; `now` is in Unix seconds."""
    signed = hmac.new(key, f"{event}.{now}.".encode() + body, hashlib.sha256).digest()
    value = base64.b64encode(signed).decode()
    return {"webhook-id": event, "webhook-timestamp": str(now), "webhook-signature": f"v1,{value}"}


def _judge(status: int, wait: float | None) -> None:
    if status // 100 == 2:  # noqa: PLR2004 - the class of success
        return
    reason = f"HTTP status {status}"
    if status // 100 == 3:  # noqa: PLR2004 - likewise
        reason += ", a redirect: url must be where it leads"
    if status in _REFUSALS:
        raise RefusedError(reason)
    if status in _DOUBTFUL:
        raise FailedError(reason)
    # Wrong credentials, a wrong path, a redirection: somebody will correct it, and no event is lost.
    raise UnavailableError(reason, wait)


def _retry_after(answer: urllib3.BaseHTTPResponse) -> float | None:
    try:
        return urllib3.Retry().get_retry_after(answer)
    except InvalidHeader:
        return None


def _why(error: HTTPError) -> str:
    """Name what failed without the URL, which may hold a secret."""
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        return "timed out"
    if any(isinstance(one, HTTPException) and not isinstance(one, OSError) for one in error.args):
        return "the answer is not valid HTTP"
    if isinstance(error, LocationValueError):
        return "url must have a host, and at most a port from 1 to 65535"
    reason = getattr(error, "reason", None) or error
    cause = reason.__cause__ or reason.__context__ or reason
    return getattr(cause, "strerror", None) or type(reason).__name__
