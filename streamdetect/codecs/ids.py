"""Any text as a sensor id that is safe wherever ids go.

An id is made of `A-Z a-z 0-9 _ . -` in levels joined with `/`, as topics are. Any other character is written
as the `%XX` of its UTF-8 bytes, `%` too: `Living Room` is `Living%20Room`, `küche` is `k%C3%BCche`. So two
texts never share an id, an id gives its text back (`readable`), and none of it means anything in a Prometheus
label, an MQTT topic, a file name or HTML. Control and bidi characters never get past this module.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from unicodedata import category
from urllib.parse import quote, unquote

MAX_ID: Final = 256
"""Characters in an id; a longer one ends with a hash of itself."""

_SAFE: Final = re.compile(r"[A-Za-z0-9_.-]*")
_PLAIN: Final = frozenset(" _.,/+-%°·()")
"""The characters of names and units beside letters, digits and marks."""
_HASH: Final = 32  # hex digits, 128 bits


def escaped(text: str) -> str:
    """Write any text as a single level of an id."""
    if _SAFE.fullmatch(text):
        return text
    return quote(text, safe="", errors="surrogatepass").replace("~", "%7E")


def escaped_levels(text: str) -> str:
    """Write any text as levels of an id; its slashes stay."""
    return "/".join(map(escaped, text.split("/")))


def readable(sensor: str) -> str:
    """Return the text that an id was made of; an id that was too long stays as it is."""
    return unquote(sensor, errors="surrogatepass")


def shown(text: str) -> str:
    """Return an id or a label as people read it: `küche`, not `k%C3%BCche`.

    What is no plain words stays escaped as a whole: it may mean something where it is shown.
    """
    plain = readable(text)
    return plain if all(char in _PLAIN or category(char)[0] in "LMN" for char in plain) else text


def bounded(sensor: str) -> str:
    """Return the id when it is short enough, else its beginning and a hash of it."""
    if len(sensor) <= MAX_ID:
        return sensor
    digest = hashlib.sha256(sensor.encode()).hexdigest()[:_HASH]
    return f"{sensor[: MAX_ID - _HASH - 1]}-{digest}"
