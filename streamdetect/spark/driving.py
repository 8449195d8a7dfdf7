"""The driver while the query runs: metrics and health by HTTP, an orderly end at SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
import time
from math import nan
from typing import TYPE_CHECKING

import orjson

from streamdetect.errors import StreamdetectError
from streamdetect.monitoring.access import access
from streamdetect.monitoring.http import HttpServer, Pages, Shared
from streamdetect.spark import job
from streamdetect.spark.source import READ, Planner
from streamdetect.spark.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from streamdetect.config import Config

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0  # s
_COUNT_EVERY = 15.0  # s between two counts of the messages that are left


def drive(spark: SparkSession, text: str, config: Config) -> None:
    """Run the query until it fails or is told to stop.

    Raises:
        StreamdetectError: the query failed; the next start goes on from the checkpoint.
    """
    stop, totals = threading.Event(), Totals()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    query = job.begin(spark, text, totals)
    log.info("reading %s, state in %s", ", ".join(config.spark.streams), config.spark.checkpoint)
    server = _serve(config, query, totals)
    try:
        _watch(query, Planner(config.spark), totals, stop)
    finally:
        query.stop()
        if server:
            server.close()
        spark.stop()


def _watch(query: StreamingQuery, planner: Planner, totals: Totals, stop: threading.Event) -> None:
    count_at = 0.0
    while not stop.wait(_LOOK_EVERY):
        if not query.isActive:
            raise StreamdetectError(f"the query failed: {_why(query)}")
        if time.monotonic() >= count_at:
            count_at = time.monotonic() + _COUNT_EVERY
            totals.behind = _behind(query, planner)


def _behind(query: StreamingQuery, planner: Planner) -> float:
    """Count the messages of the log that are still to be read; NaN while that is not known."""
    progress = query.lastProgress
    if progress is None or not progress.sources[0].endOffset:
        return nan
    reached: list[int] = orjson.loads(progress.sources[0].endOffset)[READ]
    try:
        bounds = planner.bounds()
    except StreamdetectError as error:
        log.warning("cannot count the messages that are left: %s", error)
        return nan
    reached += [one.first for one in bounds[len(reached) :]]
    return sum(one.end - offset for one, offset in zip(bounds, reached, strict=True))


def _why(query: StreamingQuery) -> str:
    error = query.exception()
    lines = [line for line in str(error or "no reason is given").splitlines() if line.strip()]
    ours = [line for line in lines if "streamdetect.errors." in line]
    return (ours or lines)[-1 if ours else 0]


def _serve(config: Config, query: StreamingQuery, totals: Totals) -> HttpServer | None:
    if not config.metrics.enabled:
        return None
    pages = Pages(
        metrics=Shared(totals.exposition),
        healthy=lambda: list(_unhealthy(query)),
        ready=lambda: list(_unhealthy(query)) or ([] if totals.batches else ["no micro-batch is done yet"]),
    )
    server = HttpServer(config.metrics.host, config.metrics.port, pages, access(config.metrics))
    server.start()
    log.info("metrics at %s/metrics", server.url)
    return server


def _unhealthy(query: StreamingQuery) -> Iterator[str]:
    if not query.isActive:
        yield "the query has ended"
