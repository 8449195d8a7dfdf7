"""Delivers events to their sinks: on the executors, before their micro-batch counts as done."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from streamdetect.config import parse
from streamdetect.errors import StreamdetectError
from streamdetect.failpoints import failpoint
from streamdetect.mqtt.publisher import Publisher
from streamdetect.sinks import workers
from streamdetect.sinks.mqtt import topic_levels
from streamdetect.sinks.sink import ATTEMPTS, FIRST_PAUSE, FailedError, RefusedError, UnavailableError
from streamdetect.store import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from streamdetect.config import Config
    from streamdetect.sinks.sink import Worker

log = logging.getLogger(__name__)

_PATIENCE = 30.0  # s for the broker to take what was published
_LONGEST = 30.0  # s between two attempts


class Delivery:
    """The sinks of a configuration, open while the process of an executor lives."""

    def __init__(self, config: Config) -> None:
        """Prepare the sinks; nothing is opened yet.

        Raises:
            ConfigError: a secret cannot be read.
        """
        self._config = config
        self._workers: Sequence[Worker] = workers(config)

    def deliver(self, events: Sequence[Event]) -> None:
        """Deliver to every sink the events that it wants; return when all are delivered.

        Raises:
            StreamdetectError: a sink does not take an event. The whole micro-batch fails and is done again:
                events that were delivered come a second time, with the same ids.
        """
        if not events:
            return
        with Publisher(self._config.mqtt, self._config.events.qos, _PATIENCE) as publisher:
            for event in events:
                publisher.publish(self._topic(event), event.payload)
                failpoint("spark.published")
            publisher.finish()
            if publisher.refused:
                raise StreamdetectError(f"{publisher.refused} events refused: {publisher.problem}")
        for worker in self._workers:
            for event in filter(worker.wants, events):
                _deliver(worker, event)

    def _topic(self, event: Event) -> str:
        return self._config.events.topic_for(event.detector, topic_levels(event.sensor))


def _deliver(worker: Worker, event: Event) -> None:
    """Deliver one event, in several attempts; log and drop an event that the sink refuses."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            worker.deliver(event)
        except RefusedError as error:
            log.warning("sink %s refuses event %s: %s", worker.name, event.id, error)
            return
        except (FailedError, UnavailableError) as error:
            if attempt == ATTEMPTS:
                raise StreamdetectError(f"sink {worker.name}: {error} ({attempt} attempts)") from error
            time.sleep(min(FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST))
        else:
            return


def _event(written: tuple[str, str, str, str]) -> Event:
    *names, payload = written
    return Event(names[0], names[1], names[2], payload.encode())


@lru_cache(maxsize=2)
def _delivery(text: str) -> Delivery:
    return Delivery(parse(text))


def delivering(text: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Deliver the events of results, and pass the results on to the driver."""
    for batch in batches:
        results = [orjson.loads(one.as_py()) for one in batch.column("result")]
        events = [_event(one) for result in results for one in result["events"]]
        _delivery(text).deliver(events)
        yield batch
