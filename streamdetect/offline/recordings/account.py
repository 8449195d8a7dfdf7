"""The account of how files were read: no decision is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from streamdetect.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streamdetect.offline.recordings.recording import Account, Recording

_MOST_NAMES = 12  # features or sensors named in a line


class Tally(NamedTuple):
    """The outcome of the rows of some recordings."""

    rows: int
    torn: int
    """Without a time or a sensor, or cut off."""
    incomplete: int
    late: int
    repeated: int

    @property
    def used(self) -> int:
        """Rows that a detector takes in."""
        return self.rows - self.torn - self.incomplete - self.late - self.repeated

    def __str__(self) -> str:
        reasons = {
            "late (older than the row before)": self.late,
            "repeated (the time of the row before)": self.repeated,
            "incomplete (a value is missing)": self.incomplete,
            "torn (no time or no sensor)": self.torn,
        }
        lost = [f"{count:,} {reason}" for reason, count in reasons.items() if count]
        return "; ".join([f"{self.used:,} of {self.rows:,} rows used", *lost])


def tally(recordings: Iterable[Recording]) -> Tally:
    """Count the rows of these recordings."""
    parts = [
        Tally(
            rows=len(one) + one.dropped,
            torn=one.dropped - one.incomplete,
            incomplete=one.incomplete,
            late=one.late,
            repeated=one.repeated,
        )
        for one in recordings
    ]
    return Tally(*map(sum, zip(*parts, strict=True))) if parts else Tally(0, 0, 0, 0, 0)


def check_loss(recordings: Sequence[Recording]) -> None:
    """Refuse recordings of which most rows are lost.

    An empty cell in the only value column loses nothing: there was no reading.

    Raises:
        DataError: More than half of the rows are lost; says for which reasons.
    """
    found = tally(recordings)
    empty = sum(one.incomplete for one in recordings if len(one.features) == 1)
    files = list(dict.fromkeys(account.file for one in recordings for account in one.accounts))
    if 2 * (found.rows - found.used - empty) > found.rows - empty:
        raise DataError(
            f"{_names(files, 3)}: most rows are lost: {found}; {_remedy(found)}, or "
            "use --allow-loss to continue without them"
        )


def _remedy(found: Tally) -> str:
    worst = max(found.torn, found.incomplete, found.late, found.repeated)
    if worst == found.incomplete:
        return "--columns leaves a feature out, --per-column makes each column a sensor"
    if worst == found.torn:
        return "are --time-column and --delimiter right?"
    if worst == found.late:
        return "--sort puts them in order of time, --sensor-column tells several sensors apart"
    return "--sensor-column tells several sensors apart, --time-format reads finer times"


def describe(recordings: Sequence[Recording]) -> list[str]:
    """Describe, in lines, the columns taken and left out, and the outcome of the rows."""
    return [
        *_describe_files(dict.fromkeys(account for one in recordings for account in one.accounts)),
        *_describe_rows(recordings),
    ]


def _describe_files(accounts: Iterable[Account]) -> Iterator[str]:
    """Describe, in a paragraph, all files that were read in the same way."""
    alike: dict[Account, list[str]] = {}
    for account in accounts:
        alike.setdefault(replace(account, file=""), []).append(account.file)
    for account, files in alike.items():
        yield f"{_names(files, 3)}: {account.kind}, {account.time}"
        yield f"  features  {_names(account.features)}"
        if account.left_out:
            yield f"  left out  {', '.join(f'{name} ({why})' for name, why in account.left_out)}"
        yield from (f"  note      {note}" for note in account.notes)


def _describe_rows(recordings: Sequence[Recording]) -> Iterator[str]:
    found = tally(recordings)
    count = f"{len(recordings):,} sensors: " if len(recordings) > 1 else ""
    yield f"  rows      {count}{found}"
    parts = {one.name: tally([one]) for one in recordings}
    poor = [f"{name} ({part})" for name, part in parts.items() if 2 * part.used < part.rows]
    if poor and len(recordings) > 1:
        yield f"  note      most rows of {_names(poor, 3)} are lost"


def _names(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
