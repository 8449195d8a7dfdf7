"""The query APIs of Prometheus and InfluxDB as files: an address instead of a path.

`prometheus://host:9090/?query=room_temperature&since=7d` gives the samples of a selector as they were
scraped, and the values of any other expression every `step`. `influxdb://host:8086/?org=home&query=<Flux>`
asks InfluxDB 2, `influxdb://host:8086/?db=home&query=<InfluxQL>` InfluxDB 1. `prometheus+https` and
`influxdb+https` ask by TLS; user and password stand before the host, a token in the environment variable
`STREAMDETECT_SOURCE_TOKEN`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from streamdetect.config.quantities import seconds
from streamdetect.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN: Final = "STREAMDETECT_SOURCE_TOKEN"  # noqa: S105 - where it is, not what
_SCHEMES: Final = {
    "prometheus": "http",
    "prometheus+https": "https",
    "influxdb": "http",
    "influxdb+https": "https",
}
_SELECTOR: Final = re.compile(r"\s*(?:[a-zA-Z_:][\w:]*\s*(?:\{[^{}]*\})?|\{[^{}]*\})\s*")
_PART: Final = 6 * 3600.0  # s of samples asked for at a time
_MOST_POINTS: Final = 10_000  # of a series in one answer; Prometheus gives 11,000
_TIMEOUT: Final = 60.0  # s


def is_query(text: str) -> bool:
    """Tell whether this is the address of a query and not a path."""
    return text.partition("://")[0] in _SCHEMES and "://" in text


def fetch(address: str, folder: Path, clock: Callable[[], float] = time.time) -> Path:
    """Ask, and write the answer into a file of this folder.

    Raises:
        DataError: the address is not complete, or there is no answer.
    """
    url = urlsplit(address)
    asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if "query" not in asked or not url.hostname:
        raise DataError(f"{_shown(url)}: must have a host and a query, as in {url.scheme}://host/?query=…")
    try:
        is_prometheus = url.scheme.startswith("prometheus")
        answer = _prometheus(url, asked, clock()) if is_prometheus else _influxdb(url, asked)
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace").strip()
        raise DataError(f"{_shown(url)}: {error.code} {error.reason}: {said}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(f"{_shown(url)}: {getattr(error, 'reason', None) or error}") from error
    path = folder / f"{url.scheme}-{url.hostname}"
    path.write_bytes(answer)
    return path


def _prometheus(url: SplitResult, asked: dict[str, str], now: float) -> bytes:
    """Return the samples of all parts of the time, each series once."""
    series: dict[str, dict[str, Any]] = {}
    for path, query in _prometheus_parts(asked, now):
        answer = json.loads(_get(url, path, query))
        for one in answer["data"]["result"]:
            known = series.setdefault(
                json.dumps(one["metric"], sort_keys=True), {"metric": one["metric"], "values": []}
            )
            newest = known["values"][-1][0] if known["values"] else float("-inf")
            known["values"] += [pair for pair in one.get("values", []) if pair[0] > newest]
    return json.dumps({"status": "success", "data": {"result": list(series.values())}}).encode()


def _prometheus_parts(asked: dict[str, str], now: float) -> Iterator[tuple[str, dict[str, str]]]:
    since, step = seconds(asked.get("since", "7d")), seconds(asked.get("step", "60s"))
    raw = _SELECTOR.fullmatch(asked["query"]) and "step" not in asked
    span = _PART if raw else step * _MOST_POINTS
    start = now - since
    while start < now:
        end = min(start + span, now)
        if raw:
            selector = f"{asked['query'].strip()}[{max(round(1000 * (end - start)), 1)}ms]"
            yield "/api/v1/query", {"query": selector, "time": f"{end:.3f}"}
        else:
            query = {
                "query": asked["query"],
                "start": f"{start:.3f}",
                "end": f"{end:.3f}",
                "step": f"{step:g}",
            }
            yield "/api/v1/query_range", query
        start = end


def _influxdb(url: SplitResult, asked: dict[str, str]) -> bytes:
    if "db" in asked:
        return _get(url, "/query", {"db": asked["db"], "q": asked["query"], "epoch": "ns"})
    body = json.dumps({"query": asked["query"], "type": "flux"}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/csv"}
    org = {"org": asked["org"]} if "org" in asked else {}
    return _get(url, "/api/v2/query", org, body, headers)


def _get(
    url: SplitResult,
    path: str,
    query: dict[str, str],
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    where = f"{url.hostname}:{url.port}" if url.port else f"{url.hostname}"
    whole = f"{_SCHEMES[url.scheme]}://{where}{url.path.rstrip('/')}{path}?{urlencode(query)}"
    request = urllib.request.Request(whole, body, {**(headers or {}), **_access(url)})  # noqa: S310 - http(s) only
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content


def _access(url: SplitResult) -> dict[str, str]:
    token = os.environ.get(TOKEN)
    if token:
        kind = "Bearer" if url.scheme.startswith("prometheus") else "Token"
        return {"Authorization": f"{kind} {token}"}
    if url.username is None:
        return {}
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _shown(url: SplitResult) -> str:
    """Return the address without its password."""
    return f"{url.scheme}://{url.hostname}" + (f":{url.port}" if url.port else "")
