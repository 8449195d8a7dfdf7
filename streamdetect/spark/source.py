"""The log as a data source of Spark: a task for each partition, the log's offsets, packs as rows."""

from __future__ import annotations

import time
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
from streamdetect.spark.settling import Settling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql.streaming.datasource import ReadLimit
    from pyspark.sql.types import StructType

    from streamdetect.config import SparkConfig
    from streamdetect.spark.decoding import Decoded
    from streamdetect.spark.log import Bounds

Offsets = dict[str, list[int]]
"""By partition: `READ`, the offset to go on from; `SETTLED`, the one before which messages move the clock."""

READ, SETTLED = "read", "settled"
NAME = "streamdetect"
SCHEMA = "shard int, clock timestamp, pack binary, counts binary"
_LATEST = 64
"""Of the messages of a partition that have settled, how many are read again for the time of the newest."""
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
    settled: tuple[int, int]  # offsets from and to before which messages move the clock


class Planner:
    """Plans how far each micro-batch reads, and which messages move the clock."""

    def __init__(self, settings: SparkConfig, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the log.

        Args:
            settings: of the log.
            clock: gives seconds; it runs evenly.
        """
        self._settings, self._clock = settings, clock
        self._log, self._settling = open_log(settings), Settling()

    def first(self) -> Offsets:
        """Return the offsets with which a new checkpoint begins."""
        earliest = self._settings.start == "earliest"
        begin = [one.first if earliest else one.end for one in self._log.bounds()]
        return {READ: begin, SETTLED: begin}

    def next(self, start: Offsets) -> Offsets:
        """Plan how far the next micro-batch reads; `start` if nothing is new and nothing has settled.

        Raises:
            StreamdetectError: the log does not answer, has dropped unread messages, or has lost a partition.
        """
        now, bounds = self._clock(), self._log.bounds()
        if len(bounds) < len(start[READ]):
            raise StreamdetectError(
                f"spark.streams: must name at least the {len(start[READ])} partitions of the checkpoint, "
                f"got {len(bounds)}"
            )
        added = [one.first for one in bounds[len(start[READ]) :]]
        begin, settled = start[READ] + added, start[SETTLED] + added
        for at, (offset, one) in enumerate(zip(begin, bounds, strict=True)):
            if offset < one.first:
                raise StreamdetectError(
                    f"partition {at}: must still have message {offset}, its oldest is {one.first}: "
                    "the log dropped messages before they were read"
                )
        most = self._settings.max_messages
        ends = [max(offset, min(one.end, offset + most)) for offset, one in zip(begin, bounds, strict=True)]
        for at, offset in enumerate(self._settling.settled(now, [one.end for one in bounds], ends)):
            settled[at] = max(settled[at], offset)
        return {READ: ends, SETTLED: settled}

    def bounds(self) -> list[Bounds]:
        """Return the bounds of each partition."""
        return self._log.bounds()


class Reader(DataSourceStreamReader):
    """Plans micro-batches on the driver, and reads them on the executors."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._planner = Planner(parse(text).spark)

    def initialOffset(self) -> Offsets:  # noqa: N802 - Spark's names, here and below
        """Return the offsets with which a new checkpoint begins."""
        return self._planner.first()

    def latestOffset(self, start: Offsets, limit: ReadLimit) -> Offsets:  # noqa: ARG002, N802 - `max_messages` limits
        """Plan how far the next micro-batch reads."""
        return self._planner.next(start)

    def partitions(self, start: Offsets, end: Offsets) -> Sequence[Task]:
        """Return a task for each partition of which something is new, or has settled."""
        added = [0] * (len(end[READ]) - len(start[READ]))
        spans = zip(start[READ] + added, end[READ], start[SETTLED] + added, end[SETTLED], strict=True)
        tasks = [
            Task(at, begin, stop, (max(before, settled - _LATEST), settled))
            for at, (begin, stop, before, settled) in enumerate(spans)
        ]
        return [one for one in tasks if one.start < one.end or one.settled[0] < one.settled[1]]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read and decode on an executor; a row holds the readings of a stretch for one shard."""
        task: Task = partition  # type: ignore[assignment] # one of ours
        settings, its = parse(self._text).spark, decoder(self._text)
        log = open_log(settings)
        if task.start < task.end:
            for entries in log.read(task.partition, task.start, task.end):
                yield _rows(task.partition, settings.shards, its.decode(task.partition, entries))
        if task.settled[0] < task.settled[1]:
            newest = max(map(its.newest, log.read(task.partition, *task.settled)), default=-inf)
            yield _table([(task.partition % settings.shards, _micro(newest), None, None)])

    def __getstate__(self) -> dict[str, str]:
        return {"_text": self._text}

    def __setstate__(self, state: dict[str, str]) -> None:
        self._text = state["_text"]


class Source(DataSource):
    """`spark.readStream.format("streamdetect")`, with the configuration as the option `config`."""

    _reader: ClassVar[type[Reader]] = Reader

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return NAME

    def schema(self) -> str:
        """Return the columns of a row."""
        return SCHEMA

    def streamReader(self, schema: StructType) -> Reader:  # noqa: ARG002, N802
        """Return the reader of this configuration."""
        return self._reader(self.options["config"])


def _rows(partition: int, shards: int, decoded: Decoded) -> pa.RecordBatch:
    """One row for each pack; the first also carries the counts of the messages.

    A stretch without readings still has a row, for any shard, so that its messages are counted.
    """
    packs: list[tuple[int, bytes | None]]
    packs = [(shard, pack.to_bytes()) for shard, pack in decoded.packs] or [(partition % shards, None)]
    counts: list[bytes | None] = [orjson.dumps([decoded.outcomes, decoded.rejected, decoded.newest])]
    counts += [None] * (len(packs) - 1)
    return _table([(shard, 0, pack, its) for (shard, pack), its in zip(packs, counts, strict=True)])


def _micro(seconds: float) -> int:
    return 0 if seconds == -inf else int(seconds * _MICRO)


def _table(rows: Sequence[tuple[int, int, bytes | None, bytes | None]]) -> pa.RecordBatch:
    columns = [
        pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _ROW, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_ROW)
