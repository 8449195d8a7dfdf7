"""The query of Spark: it reads the log, keeps each shard as state, and delivers events on the executors."""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from pyspark.sql import SparkSession

from streamdetect.config import parse
from streamdetect.sinks.history import HistorySink
from streamdetect.sinks.log import IncidentLog
from streamdetect.spark.delivery import delivering
from streamdetect.spark.processing import RESULT_SCHEMA, STATE_SCHEMA, ShardProcessor
from streamdetect.spark.source import NAME, Source
from streamdetect.store import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame
    from pyspark.sql.streaming.query import StreamingQuery

    from streamdetect.spark.totals import Totals

log = logging.getLogger(__name__)

SEED = "-seed"
"""Ends the name of the directory, next to a checkpoint, with its first states; `state import` writes it."""
SEED_SCHEMA = f"shard int, {STATE_SCHEMA}"
_STACK = "-Xss16m"  # with the default of 1 MB the driver's first plan ended in a StackOverflowError
SETTINGS = {
    "spark.app.name": "streamdetect",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    # Write what a micro-batch changed, not the whole state.
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.ui.showConsoleProgress": "false",  # it would be written into the log
    "spark.driver.extraJavaOptions": _STACK,
    "spark.executor.extraJavaOptions": _STACK,
}


def session(master: str | None, settings: Mapping[str, str]) -> SparkSession:
    """Start Spark's driver here, or take the one that spark-submit has started.

    Args:
        master: local[2], spark://host:7077, k8s://…; None if spark-submit sets it.
        settings: of Spark; they override ours.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it logs each call
    builder = SparkSession.builder
    if master:
        builder = builder.master(master)
    for name, value in {**SETTINGS, **settings}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def begin(spark: SparkSession, text: str, totals: Totals) -> StreamingQuery:
    """Start the query of a configuration.

    Args:
        spark: the driver.
        text: of the configuration, already checked.
        totals: observe the results of each micro-batch.
    """
    config = parse(text)
    checkpoint = str(config.spark.checkpoint)
    spark.dataSource.register(Source)
    rows = spark.readStream.format(NAME).option("config", text).load()
    # Timers go by the watermark, which is the newest reading of all shards. The select leaves its column out:
    # an operator that sees the column drops older rows.
    packs = rows.withWatermark("clock", "0 seconds").select("shard", "pack", "counts")
    results = packs.groupBy("shard").transformWithState(
        ShardProcessor(text), RESULT_SCHEMA, "Append", "EventTime", _seed(spark, checkpoint).groupBy("shard")
    )
    return (
        results.writeStream.queryName("streamdetect")
        .foreachBatch(_Batches(text, totals).take)
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{config.spark.every:g} seconds")
        .start()
    )


class _Batches:
    """Handles the results of each micro-batch: first on the executors, then on the driver."""

    def __init__(self, text: str, totals: Totals) -> None:
        config = parse(text)
        self._text, self._totals = text, totals
        self._log = IncidentLog()
        kept = config.state.path if config.history.enabled else None
        self._history = HistorySink(kept, config.history) if kept else None

    def take(self, results: DataFrame, number: int) -> None:
        """Deliver the events, log them, keep them in the history, and count."""
        began = time.monotonic()
        rows = results.mapInArrow(partial(delivering, self._text), RESULT_SCHEMA).collect()
        found: list[tuple[int, dict[str, Any]]] = [
            (row.shard, orjson.loads(bytes(row.result))) for row in rows
        ]
        events = [
            Event(one[0], one[1], one[2], one[3].encode()) for _, result in found for one in result["events"]
        ]
        self._log.say(events)
        if self._history:
            for event in events:
                self._history.deliver(event)
        self._totals.observe(found)
        self._totals.batch_seconds = time.monotonic() - began
        log.debug("micro-batch %d: %d shards, %d events", number, len(found), len(events))


def _seed(spark: SparkSession, checkpoint: str) -> DataFrame:
    """Return the first states of the checkpoint; none for a checkpoint that began empty."""
    path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(checkpoint + SEED)  # type: ignore[union-attr] # noqa: SLF001 - the only way to Spark's file systems
    files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())  # noqa: SLF001
    if files.exists(path):
        return spark.read.schema(SEED_SCHEMA).parquet(checkpoint + SEED)
    return spark.createDataFrame([], SEED_SCHEMA)


def rescale(spark: SparkSession, checkpoint: str, partitions: int) -> None:
    """Spread the state over another number of partitions, while the query is stopped.

    A stop often interrupts a micro-batch. It is done again after the move; what it had delivered goes out a
    second time, with the same ids.
    """
    spark._streamingCheckpointManager.repartition(  # noqa: SLF001 - not public before Spark 5
        checkpoint, partitions, enforce_exactly_once_sink=False
    )
