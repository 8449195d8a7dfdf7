"""The log as a data source of Spark: a task for each partition, the log's offsets, packs as rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

import orjson
import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

from streamdetect.config import parse
from streamdetect.errors import StreamdetectError
from streamdetect.spark.decoding import decoder
from streamdetect.spark.opening import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql.streaming.datasource import ReadLimit
    from pyspark.sql.types import StructType

    from streamdetect.config import SparkConfig
    from streamdetect.spark.decoding import Decoded
    from streamdetect.spark.log import Bounds

Offsets = dict[str, int]
"""The offset to go on from, by partition, and the horizon: see `Planner.next`."""

NAME = "streamdetect"
SCHEMA = "shard int, clock timestamp, pack binary, counts binary"
_HORIZON = "horizon"
_MICRO = 1_000_000
_ROW = pa.schema(
    [
        ("shard", pa.int32()),
        ("clock", pa.timestamp("us", tz="UTC")),
        ("pack", pa.binary()),
        ("counts", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Task(InputPartition):
    """One task's part to read: a partition from `start` to before `end`."""

    partition: int
    start: int
    end: int
    horizon: int  # Unix µs


class Planner:
    """Plans how far each micro-batch reads."""

    def __init__(self, settings: SparkConfig) -> None:
        self._settings, self._log = settings, open_log(settings)

    def first(self) -> Offsets:
        """Where a new checkpoint begins."""
        earliest = self._settings.start == "earliest"
        bounds = self._log.bounds()
        return {str(at): one.first if earliest else one.end for at, one in enumerate(bounds)} | {_HORIZON: 0}

    def next(self, start: Offsets) -> Offsets:
        """How far the next micro-batch reads; `start` if there is nothing new.

        The horizon is the time, by the log's clock, up to which every partition will have been read. A sensor
        without a reading before the horizon was silent; its readings after the horizon may still be unread.
        """
        horizon = max(one.newest for one in self._log.bounds())  # the next call knows all that came by then
        bounds = self._log.bounds()
        if len(bounds) < len(start) - 1:
            raise StreamdetectError(
                f"spark.streams: must name at least the {len(start) - 1} partitions of the checkpoint, "
                f"got {len(bounds)}"
            )
        starts = [start.get(str(at), one.first) for at, one in enumerate(bounds)]
        for at, (begin, one) in enumerate(zip(starts, bounds, strict=True)):
            if begin < one.first:
                raise StreamdetectError(
                    f"partition {at}: must still have message {begin}, its oldest is {one.first}: "
                    "the log dropped messages before they were read"
                )
        ends = [
            max(begin, min(one.end, begin + self._settings.max_messages))
            for begin, one in zip(starts, bounds, strict=True)
        ]
        if ends == starts:
            return start
        behind = [(at, end - 1) for at, end in enumerate(ends) if starts[at] < end < bounds[at].end]
        horizon = min([horizon, *self._log.times(behind)])
        return {str(at): end for at, end in enumerate(ends)} | {_HORIZON: int(horizon * _MICRO)}

    def bounds(self) -> list[Bounds]:
        """What each partition holds now."""
        return self._log.bounds()


class Reader(DataSourceStreamReader):
    """Plans micro-batches on the driver, and reads them on the executors."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._planner = Planner(parse(text).spark)

    def initialOffset(self) -> Offsets:  # noqa: N802 - Spark's names, here and below
        """Where a new checkpoint begins."""
        return self._planner.first()

    def latestOffset(self, start: Offsets, limit: ReadLimit) -> Offsets:  # noqa: ARG002, N802 - `max_messages` limits
        """How far the next micro-batch reads."""
        return self._planner.next(start)

    def partitions(self, start: Offsets, end: Offsets) -> Sequence[Task]:
        """A task for each partition that has something new."""
        places = [name for name in end if name != _HORIZON]
        return [
            Task(int(name), start.get(name, 0), end[name], end[_HORIZON])
            for name in places
            if start.get(name, 0) < end[name]
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read and decode on an executor; a row holds the readings of a stretch for one shard."""
        task: Task = partition  # type: ignore[assignment] # one of ours
        decode, settings = decoder(self._text).decode, parse(self._text).spark
        for entries in open_log(settings).read(task.partition, task.start, task.end):
            yield _rows(
                task.partition, settings.shards, decode(task.partition, entries, task.horizon / _MICRO)
            )

    def __getstate__(self) -> dict[str, str]:
        return {"_text": self._text}

    def __setstate__(self, state: dict[str, str]) -> None:
        self._text = state["_text"]


class Source(DataSource):
    """`spark.readStream.format("streamdetect")`, with the configuration as the option `config`."""

    _reader: ClassVar[type[Reader]] = Reader

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return NAME

    def schema(self) -> str:
        """The columns of a row."""
        return SCHEMA

    def streamReader(self, schema: StructType) -> Reader:  # noqa: ARG002, N802
        """The reader of this configuration."""
        return self._reader(self.options["config"])


def _rows(partition: int, shards: int, decoded: Decoded) -> pa.RecordBatch:
    """One row for each pack; the first also carries the counts of the messages.

    A stretch without readings still has a row, for any shard, so that its messages are counted.
    """
    clock = 0 if decoded.clock == -inf else int(decoded.clock * _MICRO)
    packs: list[tuple[int, bytes | None]]
    packs = [(shard, pack.to_bytes()) for shard, pack in decoded.packs] or [(partition % shards, None)]
    counts = orjson.dumps([decoded.outcomes, decoded.rejected, decoded.newest])
    columns = [
        pa.array([shard for shard, _ in packs], pa.int32()),
        pa.array([clock] * len(packs), _ROW.field("clock").type),
        pa.array([pack for _, pack in packs], pa.binary()),
        pa.array([counts] + [None] * (len(packs) - 1), pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_ROW)
