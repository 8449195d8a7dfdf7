"""The parts of a document that are one reading each: what `each` walks, and the rows of a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from streamdetect.codecs.paths import KEY, NOTHING_THERE, fetcher, parse_path, what_is_there
from streamdetect.codecs.writing import put
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamdetect.codecs.paths import Path
    from streamdetect.codecs.settings import PayloadSettings


class Entry(NamedTuple):
    """A part of a document that is one reading, and the parts around it."""

    node: object
    key: str = ""
    """Its name in the object, or its place in the list, that it is in."""
    around: Entry | None = None


def walk(entry: Entry, paths: Sequence[Path], faults: list[RejectedPayload]) -> Iterator[Entry]:
    """Return the entries that these paths lead to, one after the other."""
    first, *rest = paths
    for one in inner(entry, first, faults):
        if rest:
            yield from walk(one, rest, faults)
        else:
            yield one


def inner(entry: Entry, path: Path, faults: list[RejectedPayload]) -> Iterator[Entry]:
    """Return the entries of the list or object at a path."""
    try:
        holder = fetcher(path)(entry.node)
    except NOTHING_THERE:
        holder = None
    if isinstance(holder, dict):
        yield from (Entry(node, str(key), entry) for key, node in holder.items())
    elif isinstance(holder, list):
        yield from (Entry(node, str(at), entry) for at, node in enumerate(holder))
    else:
        written = ".".join(map(str, path)) or "$"
        faults.append(
            RejectedPayload(
                "field",
                f"no list or object to walk (each) at {written!r}",
                path=written,
                there=partial(what_is_there, entry.node, path),
                foreign=True,
            )
        )


class Table:
    """Takes an object of columns, `{"t": [1, 2], "v": [20.5, 21]}`, apart into its rows."""

    def __init__(self, values: Sequence[Path], settings: PayloadSettings) -> None:
        self._values = values
        self._time = None if settings.time in {None, KEY} else parse_path(str(settings.time))
        labels = [parse_path(path) for path in (settings.labels or {}).values() if path != KEY]
        self._steps = [steps for steps in (*self._values, self._time, *labels) if steps]

    def rows(self, document: dict[str, Any]) -> Iterator[Entry]:
        """Return the rows, or the document itself if it is not a table.

        Raises:
            RejectedPayload: `type`, the columns differ in length.
        """
        whole = Entry(document)
        found = {steps: value for steps in self._steps if (value := _at(document, steps)) is not None}
        if not self._is_table(found):
            yield whole
            return
        length, *others = {len(column) for column in found.values() if isinstance(column, list)}
        if others:
            counts = ", ".join(f"{len(column)}" for column in found.values() if isinstance(column, list))
            raise RejectedPayload("type", f"columns must have the same length, got {counts}")
        for at in range(length):
            row: dict[str, Any] = {}
            for steps, column in found.items():
                put(row, steps, column[at] if isinstance(column, list) else column)
            yield Entry(row, str(at), whole)

    def _is_table(self, found: Mapping[Path, object]) -> bool:
        """Tell whether a value is a list, and the time too if one is configured."""
        timed = self._time is None or isinstance(found.get(self._time), list)
        return timed and any(isinstance(found.get(steps), list) for steps in self._values)


def _at(document: object, steps: Path) -> object:
    try:
        return fetcher(steps)(document)
    except NOTHING_THERE:
        return None
