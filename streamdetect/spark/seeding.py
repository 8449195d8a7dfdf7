"""Writes the states of shards for a new checkpoint of Spark, and reads them from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import fs, parquet

from streamdetect.errors import StateError
from streamdetect.spark.job import SEED
from streamdetect.spark.processing import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

_SCHEMA = pa.schema([("shard", pa.int32()), ("sealed", pa.binary())])  # job.SEED_SCHEMA


def plant(checkpoint: str, shards: Iterable[tuple[int, bytes]]) -> int:
    """Write the states that a new checkpoint begins with, without starting Spark.

    Args:
        checkpoint: a path, or a URL that pyarrow knows (s3a:// is its s3://).
        shards: each with its state; only one at a time is in memory.

    Returns:
        How many shards were written.

    Raises:
        StateError: the checkpoint exists already, or states for it do.
    """
    where = (
        checkpoint.replace("s3a://", "s3://", 1) if "://" in checkpoint else str(Path(checkpoint).resolve())
    )
    files, path = fs.FileSystem.from_uri(where)
    for taken in (path, path + SEED):
        if files.get_file_info(taken).type != fs.FileType.NotFound:
            raise StateError(
                f"{taken}: must not exist yet: only a new checkpoint can start from these states"
            )
    files.create_dir(path + SEED)
    count = 0
    with parquet.ParquetWriter(f"{path}{SEED}/states.parquet", _SCHEMA, filesystem=files) as writer:
        for number, sealed in shards:
            writer.write_batch(pa.RecordBatch.from_arrays([[number], [sealed]], schema=_SCHEMA))
            count += 1
    return count


def harvest(spark: SparkSession, checkpoint: str) -> Iterator[tuple[int, bytes]]:
    """Yield the shards of a checkpoint whose query is stopped, each with its state.

    Raises:
        StateError: it is not a checkpoint of streamdetect, or cannot be read.
    """
    source = spark.read.format("statestore").option("stateVarName", STATE)
    try:
        rows = source.load(checkpoint).select("key.*", "value.*").toLocalIterator()
        for shard, sealed in rows:
            yield shard, bytes(sealed)
    except Exception as error:
        raise StateError(f"{checkpoint}: must be a checkpoint of streamdetect: {error!s:.200}") from error
