"""The row of each sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .columns import Rows


class Sensors:
    """Ids to rows and back; freed rows are used again, at most `most` of them at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.ids: list[str | None] = []  # by row; None = free
        self._rows: dict[str, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, sensor: str) -> bool:
        return sensor in self._rows

    @property
    def full(self) -> bool:
        """True if there is no room for another sensor."""
        return len(self._rows) >= self.most

    def find(self, sensors: Sequence[str]) -> Rows:
        """The row of each sensor, (N,).

        Raises:
            KeyError: one has none.
        """
        return np.fromiter(map(self._rows.__getitem__, sensors), np.intp, len(sensors))

    def find_known(self, sensors: Sequence[str]) -> Rows:
        """The row of each sensor, (N,); -1 for one that has none."""
        return np.array([self._rows.get(sensor, -1) for sensor in sensors], dtype=np.intp)

    def admit(self, sensor: str) -> int:
        """The sensor's row; a new one gets a free row. The caller makes sure that there is room."""
        row = self._rows.get(sensor)
        if row is None:
            row = self._free.pop() if self._free else len(self.ids)
            if row == len(self.ids):
                self.ids.append(None)
            self.ids[row], self._rows[sensor] = sensor, row
        return row

    def release(self, rows: Iterable[int]) -> None:
        """Free these rows."""
        for row in rows:
            sensor = self.ids[row]
            if sensor is not None:
                del self._rows[sensor]
                self.ids[row] = None
                self._free.append(row)

    def rows(self) -> Rows:
        """The rows in use, in the order in which their sensors came."""
        return np.array(list(self._rows.values()), dtype=np.intp)
