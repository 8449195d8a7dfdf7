"""A shard as Spark's state: read it, give it its packs, write it back, and set its timer."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

import orjson
from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import StatefulProcessor

from streamdetect.config import parse
from streamdetect.failpoints import failpoint
from streamdetect.service.assembly import assemble
from streamdetect.spark.keeping import Kept
from streamdetect.spark.packs import Pack
from streamdetect.spark.shard import Place, Result, Shard, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql.streaming.stateful_processor import (
        ExpiredTimerInfo,
        StatefulProcessorHandle,
        TimerValues,
    )

    from streamdetect.config import Config
    from streamdetect.service.assembly import Assembly

STATE = "shard"
STATE_SCHEMA = "sealed binary"
RESULT_SCHEMA = "shard int, result binary"
_MS = 1000
_LATEST = 253_402_300_799_000  # ms; the end of the year 9999, the latest that Spark's timers take


class ShardProcessor(StatefulProcessor):
    """Runs on executors, for all shards of a task one after the other."""

    def __init__(self, text: str) -> None:
        """Take the text of the configuration: Spark can send text to executors, but not detectors."""
        self._text = text

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Open the state; called once a task."""
        self._handle = handle
        self._state = handle.getValueState(STATE, STATE_SCHEMA)
        self._config, self._assemblies, self._kept = _assembled(self._text)

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: TimerValues) -> Iterator[Row]:  # noqa: ANN401, ARG002, N802, N803 - Spark's names, here and below
        """Take in the packs of a shard."""
        shard = self._load(key[0])
        took = list(rows)
        result = shard.process(Pack.from_bytes(bytes(row.pack)) for row in took if row.pack is not None)
        failpoint("spark.judged")
        counts = [orjson.loads(bytes(row.counts)) for row in took if row.counts is not None]
        yield self._keep(shard, result, counts)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: ARG002, N803
    ) -> Iterator[Row]:
        """Look for silent sensors; the time is that of the newest reading of all shards."""
        shard = self._load(key[0])
        yield self._keep(shard, shard.look(timerValues.getCurrentWatermarkInMs() / _MS), [])

    def handleInitialState(self, key: Any, initialState: Row, timerValues: TimerValues) -> None:  # noqa: ANN401, ARG002, N802, N803
        """Begin with the state of a detector that ran elsewhere."""
        sealed = bytes(initialState.sealed)
        self._set_timer(Shard.from_bytes(sealed, self._place(key[0]), self._assemblies, self._config))
        self._state.update((sealed,))

    def close(self) -> None:
        """Nothing to close."""

    def _place(self, number: int) -> Place:
        return Place(number, self._config.spark.shards)

    def _load(self, number: int) -> Shard:
        saved = self._state.get()
        if saved is None:
            return Shard(self._place(number), self._assemblies, self._config)
        sealed = bytes(saved[0])
        kept = self._kept.take(number, sealed)
        return kept or Shard.from_bytes(sealed, self._place(number), self._assemblies, self._config)

    def _keep(self, shard: Shard, result: Result, counts: Sequence[Any]) -> Row:
        """Write the shard back, and return the row with its result."""
        sealed = shard.to_bytes()
        self._state.update((sealed,))
        self._set_timer(shard)
        events = [*shard.began.events, *result.events]
        for name, work in shard.began.work.items():
            result.work.setdefault(name, Work()).transitions += work.transitions
        said = {
            "events": [(one.id, one.detector, one.sensor, one.payload.decode()) for one in events],
            "work": shard.work(result),
            "counts": counts,
        }
        shard.began = Result()  # it is in the row now
        self._kept.put(sealed, shard)
        return Row(shard=shard.place.number, result=orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY))

    def _set_timer(self, shard: Shard) -> None:
        """Set one timer, at the time when the shard has to look."""
        for timer in list(self._handle.listTimers()):
            self._handle.deleteTimer(timer)
        if isfinite(due := shard.due):
            self._handle.registerTimer(min(ceil(due * _MS) + 1, _LATEST))


@lru_cache(maxsize=2)
def _assembled(text: str) -> tuple[Config, Sequence[Assembly], Kept]:
    """Return the detectors of a configuration, with models, and the kept shards; once for each process."""
    config = parse(text)
    return config, assemble(config), Kept()
