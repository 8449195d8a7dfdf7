"""The states of shards in and out of a checkpoint of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.errors import StateError
from streamdetect.spark.job import SEED, SEED_SCHEMA
from streamdetect.spark.processing import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

_AT_ONCE = 64  # shards that are on their way to Spark


def plant(spark: SparkSession, checkpoint: str, shards: Iterable[tuple[int, bytes]]) -> int:
    """Write the states that a new checkpoint begins with.

    Returns:
        How many shards there were.
    """
    count, part = 0, list[tuple[int, bytes]]()
    for one in shards:
        part.append(one)
        count += 1
        if len(part) == _AT_ONCE:
            _write(spark, checkpoint, part)
            part = []
    _write(spark, checkpoint, part)
    return count


def _write(spark: SparkSession, checkpoint: str, part: list[tuple[int, bytes]]) -> None:
    rows = [(shard, bytearray(sealed)) for shard, sealed in part]
    spark.createDataFrame(rows, SEED_SCHEMA).write.mode("append").parquet(checkpoint + SEED)


def harvest(spark: SparkSession, checkpoint: str) -> Iterator[tuple[int, bytes]]:
    """Yield the shards of a checkpoint whose query is stopped, each with its state.

    Raises:
        StateError: there is none.
    """
    source = spark.read.format("statestore").option("stateVarName", STATE)
    try:
        rows = source.load(checkpoint).select("key.*", "value.*").toLocalIterator()
        for shard, sealed in rows:
            yield shard, bytes(sealed)
    except Exception as error:
        raise StateError(f"{checkpoint}: must be a checkpoint of streamdetect: {error!s:.200}") from error
