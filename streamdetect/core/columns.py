"""Columns: named arrays with one row per sensor that grow, clear and travel together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import EllipsisType

Array = NDArray[Any]
Rows = NDArray[np.intp]


class Columns:
    """A tree of named arrays whose first axis is the sensor's row.

    A subclass annotates each array as an attribute and declares it with `column`; an attribute that is
    itself Columns is a branch, and takes part in everything.
    """

    shared: ClassVar[bool] = False
    """Whether several objects hold it: then it is not a branch, and its maker resizes and clears it."""

    def __init__(self) -> None:
        self._fills: dict[str, Any] = {}

    def column(self, name: str, dtype: object, fill: object = 0, shape: tuple[int, ...] = ()) -> None:
        """Declare an array of shape (rows, *shape) whose rows start as `fill`."""
        self._fills[name] = fill
        setattr(self, name, np.empty((0, *shape), dtype=np.dtype(dtype)))  # type: ignore[call-overload]

    def _branches(self) -> dict[str, Columns]:
        parts = vars(self).items()
        return {name: part for name, part in parts if isinstance(part, Columns) and not part.shared}

    def resize(self, size: int) -> None:
        """Make room for `size` rows; new rows start as declared."""
        for name, fill in self._fills.items():
            old: Array = getattr(self, name)
            # Rows of zeros cost no memory before they are used.
            new = np.zeros((size, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            if fill != 0:  # true of NaN, too
                new[len(old) :] = fill
            setattr(self, name, new)
        for part in self._branches().values():
            part.resize(size)

    def clear(self, rows: Rows, places: EllipsisType | slice = ...) -> None:
        """Reset these rows to their declared start, or only `places` of the second axis, if all have one."""
        for name, fill in self._fills.items():
            getattr(self, name)[rows, places] = fill
        for part in self._branches().values():
            part.clear(rows, places)

    def snapshot(self, rows: Rows) -> dict[str, Array]:
        """A copy of these rows, by dotted column name."""
        saved = {name: getattr(self, name)[rows] for name in self._fills}
        for branch, part in self._branches().items():
            saved |= {f"{branch}.{name}": array for name, array in part.snapshot(rows).items()}
        return saved

    def restore(self, rows: Rows, saved: dict[str, Array]) -> None:
        """Put a snapshot's rows at `rows`.

        Raises:
            ValueError: a column is missing, has another shape than this one's, or a type of another kind.
        """
        for name in self._fills:
            mine: Array = getattr(self, name)
            theirs = saved.get(name)
            if theirs is None:
                raise ValueError(f"column {name}: is missing")
            same = theirs.shape == (len(rows), *mine.shape[1:])
            if not same or not np.can_cast(theirs.dtype, mine.dtype, "same_kind"):
                raise ValueError(
                    f"column {name}: must be {mine.dtype} {(len(rows), *mine.shape[1:])}, "
                    f"got {theirs.dtype} {theirs.shape}"
                )
            mine[rows] = _narrowed(theirs, mine.dtype)
        for branch, part in self._branches().items():
            under = f"{branch}."
            part.restore(rows, {n.removeprefix(under): a for n, a in saved.items() if n.startswith(under)})


class Places(Columns):
    """Columns that few rows need at a time: those have a place each, the others stand as declared.

    All are read and written by place; a row without one has place 0, which is never written to.
    """

    def __init__(self) -> None:
        super().__init__()
        self._place = np.zeros(0, dtype=np.int32)  # (S,)
        self._free: list[int] = []
        self._size = 0  # places that the columns have

    def of(self, rows: Rows) -> Rows:
        """Return the place of each row."""
        return self._place[rows].astype(np.intp)

    def at(self, row: int) -> int:
        """Return the place of one row."""
        return int(self._place[row])

    @property
    def names(self) -> Iterable[str]:
        """The names of the columns."""
        return self._fills.keys()

    def enter(self, rows: Rows) -> Rows:
        """Give these rows, all different, a place each, if they have none; returns the places."""
        new = rows[self._place[rows] == 0]
        if len(new) > len(self._free):
            self._grow(max(2 * self._size, self._size + len(new)))
        self._place[new] = [self._free.pop() for _ in range(len(new))]
        return self.of(rows)

    def leave(self, rows: Rows) -> None:
        """Take the places of these rows back; their columns stand as declared again."""
        places = self.of(rows)
        if np.count_nonzero(places):
            places = places[places > 0]
            super().clear(places)
            self._free += places.tolist()
            self._place[rows] = 0

    def resize(self, size: int) -> None:
        """See Columns; new rows have no place."""
        self._place = np.concatenate([self._place, np.zeros(size - len(self._place), dtype=np.int32)])
        if not self._size:
            self._grow(1)
            self._free.remove(0)

    def clear(self, rows: Rows, places: EllipsisType | slice = ...) -> None:  # noqa: ARG002 - all of them
        """See Columns."""
        self.leave(rows)

    def snapshot(self, rows: Rows) -> dict[str, Array]:
        """See Columns."""
        return super().snapshot(self.of(rows))

    def restore(self, rows: Rows, saved: dict[str, Array]) -> None:
        """See Columns; rows whose columns stand as declared get no place."""
        used = np.zeros(len(rows), dtype=bool)
        for name, fill in self._fills.items():
            if name in saved:
                used |= _differs(saved[name], fill)
        super().restore(self.enter(rows[used]), {name: part[used] for name, part in saved.items()})

    def _grow(self, size: int) -> None:
        super().resize(size)
        self._free += range(self._size, size)
        self._size = size


def _differs(column: Array, fill: float) -> NDArray[np.bool_]:
    """Tell the rows whose column holds something else than what it starts as, which may be NaN."""
    same = np.isclose(column, fill, rtol=0.0, atol=0.0, equal_nan=True)
    return np.logical_not(same.all(axis=tuple(range(1, column.ndim))))


def _narrowed(column: Array, dtype: np.dtype[Any]) -> Array:
    """Return a column in a type of fewer bytes, as earlier versions kept more; integers end at its ends."""
    if column.dtype == dtype:
        return column
    if dtype.kind == "i":
        ends = np.iinfo(dtype)
        column = column.clip(ends.min, ends.max)
    with np.errstate(over="ignore"):
        return column.astype(dtype)
