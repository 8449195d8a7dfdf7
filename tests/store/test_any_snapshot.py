"""Whatever a snapshot holds, it is read or refused as one, and nothing else happens."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import Live

from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store import state


@pytest.fixture(scope="module")
def written():
    """The head and the columns of a snapshot."""
    live = Live()
    readings = Readings([f"s{at % 3}" for at in range(60)], 1e9 + np.arange(60.0), np.ones((60, 1)))
    live.feed(readings)
    head, *columns = state.encode([live.state])
    return bytes(head), b"".join(columns)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_refused(head, columns):
    with suppress(StateError):
        assert state.decode(head, columns) == []


@given(st.data())
def test_a_changed_byte_of_the_head_never_does_worse_than_being_refused(written, data):
    head, columns = bytearray(written[0]), written[1]
    head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    with suppress(StateError):
        state.decode(bytes(head), columns)


@given(st.data())
def test_columns_that_were_cut_are_refused(written, data):
    head, columns = written
    with pytest.raises(StateError):
        state.decode(head, columns[: data.draw(st.integers(0, len(columns) - 1))])
