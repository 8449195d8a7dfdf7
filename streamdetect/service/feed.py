"""One turn of the loop: messages out of the inbox, through the pipeline, to the committer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.mqtt.inbox import Inbox, Message
    from streamdetect.service.answers import Answers
    from streamdetect.service.committer import Committer
    from streamdetect.service.homeassistant import HomeAssistant
    from streamdetect.service.lineup import Lineup
    from streamdetect.service.pipeline import Processed
    from streamdetect.service.receipts import Receipts
    from streamdetect.sinks.trail import Trail


class Feed:
    """Takes in a bounded number of messages, readings and bytes at a turn.

    Attributes:
        closing: true if no large message is begun any more, because another pipeline is about to take over.
    """

    def __init__(
        self,
        batch_size: int,
        max_wait: float,
        inbox: Inbox,
        receipts: Receipts,
        lineup: Lineup,
        committer: Committer,
        answers: Answers,
        homeassistant: HomeAssistant,
        trail: Trail | None,
    ) -> None:
        self.closing = False
        self._generation = -1  # of the connection that messages last came by
        self._batch_size, self._max_wait = batch_size, max_wait
        self._inbox, self._receipts = inbox, receipts
        self._lineup, self._committer, self._answers = lineup, committer, answers
        self._homeassistant, self._trail = homeassistant, trail

    @property
    def halfway(self) -> bool:
        """True if a large message is taken in only in part."""
        return self._lineup.pipeline.halfway

    def turn(self, idle_wait: float) -> Processed | None:
        """Process the messages that wait, and commit when it is time; None if there were none.

        Args:
            idle_wait: seconds to wait for a message.
        """
        committer, inbox = self._committer, self._inbox
        wait = 0.0 if self.halfway else committer.patience(idle_wait)
        messages = inbox.take(self._batch_size, committer.patience(self._max_wait), wait)
        processed = None
        self._resume(messages)
        if messages or self._has_large or self._answers.asked:
            processed = self._process(messages)
        committer.turn(lull=not messages and processed is None)
        return processed

    def _resume(self, messages: Sequence[Message]) -> None:
        """Tell the detectors, before the first messages of a connection, that there was none until now."""
        newest = max((message.generation for message in messages), default=self._generation)
        if newest > self._generation:
            self._generation = newest
            self._committer.take((), self._lineup.pipeline.resume(), ())

    def pause(self, seconds: float) -> None:
        """Take in nothing for these seconds."""
        time.sleep(seconds)
        self._committer.turn(lull=True)

    def _process(self, messages: list[Message]) -> Processed | None:
        fresh = self._receipts.fresh(messages)
        commands, readings = self._answers.part(self._homeassistant.part(fresh))
        commands += self._answers.take_asked()
        told, events, _ = self._answers.carry_out(commands)
        processed = None
        if readings or self._has_large:
            processed = self._lineup.pipeline.process(readings, self._next_large)
            if self._trail:  # before an event of these readings can reach a sink
                self._trail.observe(processed.verdicts)
            events += self._answers.mark(processed.events)
        self._homeassistant.observe(events)
        finished = processed.finished if processed else []
        for message in finished:
            self._inbox.finished(message)
        self._receipts.note([*fresh, *finished])
        entries = [*told, *(processed.entries if processed else ())]
        self._committer.take([*messages, *finished], entries, events)
        if commands:
            self._committer.note_mutes(self._answers.mutes.values())
        return processed

    @property
    def _has_large(self) -> bool:
        return self.halfway or (self._inbox.large and not self.closing)

    def _next_large(self) -> Message | None:
        while not self.closing and (message := self._inbox.take_large()):
            if not self._receipts.knows(message):
                return message
            self._inbox.finished(message)
            self._committer.take([message], (), ())
        return None
