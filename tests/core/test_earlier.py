"""Columns as earlier versions saved them go on in those of this one."""

import numpy as np
import pytest
from streams import cut, detector

from streamdetect.core.columns import Columns
from streamdetect.core.earlier import BUFFER
from streamdetect.core.readings import Readings

WIDE = {"float32": np.float64, "int32": np.int64, "int8": np.int64}


class Few(Columns):
    def __init__(self):
        super().__init__()
        self.column("count", np.int32)
        self.column("share", np.float32)
        self.resize(2)


def stream(size=300):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(size, 1)) + np.sin(np.arange(size) / 9)[:, None]
    values[190:] += 20.0  # an incident
    return Readings([f"s{at % 3}" for at in range(size)], 1e9 + np.arange(size) * 600.0, values)


def as_it_was(saved, steps):
    """A snapshot with wide columns, the last values twice, and a case for every sensor."""
    old = {name: part.astype(WIDE.get(part.dtype.name, part.dtype)) for name, part in saved.items()}
    old |= {name.replace("cases.", ""): old.pop(name) for name in list(old) if ".cases." in name}
    buffer = old[BUFFER]
    return old | {
        BUFFER: buffer[:, -steps:],
        "judge.recent.past": buffer[:, -29:],
        "judge.recent.seen": old.pop("judge.seen"),
    }


@pytest.mark.parametrize("size", [2, 20, 200, 205])
def test_a_detector_goes_on_from_earlier_columns(size):
    one, other, readings = detector(), detector(), stream()
    one.process(cut(readings, 0, size))
    saved = as_it_was(one.snapshot(), one.settings.time_steps)
    assert not {part.dtype.name for part in saved.values()} & set(WIDE)
    other.restore(saved)
    for name, part in one.snapshot().items():
        np.testing.assert_array_equal(other.snapshot()[name], part)
    readings = cut(readings, size, 300)
    first, second = (each.process(readings) for each in (one, other))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert repr(first.transitions) == repr(second.transitions)


def test_integers_end_at_the_ends_of_their_type():
    few = Few()
    few.restore(np.arange(2), {"count": np.array([-(2**40), 7]), "share": np.array([1e300, 0.5])})
    assert few.count.tolist() == [-(2**31), 7]
    assert few.share.tolist() == [np.inf, 0.5]


def test_a_column_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"column count: must be int32 \(2,\), got float64 \(2,\)"):
        Few().restore(np.arange(2), {"count": np.zeros(2), "share": np.zeros(2)})
