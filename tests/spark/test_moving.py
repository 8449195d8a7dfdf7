"""A detector moves from a daemon to shards and back, and its verdicts do not change."""

import numpy as np
import pytest
from assembling import CONFIG, assembly, pack, packs_of, shard
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from streams import cut, rows_of, streams

from streamdetect.cli import main
from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.spark import moving, seeding
from streamdetect.spark.sealing import unseal
from streamdetect.spark.shard import KIND, Place, Shard
from streamdetect.store import DetectorState


def state_of(detector, labels=None):
    return DetectorState(
        "default", assembly().bundle.lineage, ("value",), detector, labels or {}, {}, "origin"
    )


def columns(detector):
    """Everything that the detector knows, by sensor."""
    saved = detector.snapshot()
    order = np.argsort(saved["sensors"])
    rows = {name: column[order] for name, column in saved.items() if name not in {"made_with", "heard_since"}}
    return {name: repr(column.tolist()) for name, column in rows.items()}


@given(streams(sensors=6, most=150), st.integers(1, 5), st.floats(0.1, 0.9))
def test_shards_go_on_from_where_a_daemon_was(readings, shards, share):
    at = int(len(readings.times) * share)
    whole = assembly().detector
    first, rest = cut(readings, 0, at), cut(readings, at, None)
    whole.process(first)
    file = moving.to_bytes([state_of(whole)])
    parts = dict(moving.divided(moving.from_bytes(file, "file"), shards))
    expected = rows_of(whole.process(rest))
    found = []
    for batch in packs_of(rest, 2, shards, [7]):
        for number, one in batch:
            place = Place(number, shards)
            of = (
                Shard.from_bytes(parts[number], place, [assembly()], CONFIG)
                if number in parts
                else shard(*place)
            )
            found += [row for _, verdicts in of.process([one]).verdicts for row in rows_of(verdicts)]
            parts[number] = of.to_bytes()
    assert sorted(repr(row[1:]) for row in found) == sorted(repr(row[1:]) for row in expected)
    (back,) = moving.joined(parts.items())
    back.detector.look(whole.newest)  # a shard learns the clock of all shards only here
    assert columns(back.detector) == columns(whole)


def test_a_daemon_goes_on_from_what_shards_knew(tmp_path):
    one = shard()
    readings = cut_of(40)
    one.process([pack(0, [0, 39], readings)])
    states = moving.joined([(0, one.to_bytes())])
    moving.to_daemon(tmp_path / "state", states)
    (again,) = moving.from_daemon(tmp_path / "state")
    assert columns(again.detector) == columns(one.states()[0].detector)
    with pytest.raises(StateError, match="must not hold a state yet"):
        moving.to_daemon(tmp_path / "state", states)


def cut_of(count):
    values = np.random.default_rng(3).normal(size=(count, 1))
    return Readings([f"s{at % 3}" for at in range(count)], 1e9 + np.arange(count) * 1.0, values)


def test_labels_go_with_their_sensors():
    detector = assembly().detector
    detector.process(cut_of(12))
    labels = {f"s{at}": {"room": str(at)} for at in range(3)}
    parts = list(moving.divided([state_of(detector, labels)], 64))
    assert len(parts) == 3
    found = [unseal(KIND, sealed, "").states[0].labels for _, sealed in parts]
    assert sorted(found, key=str) == sorted([{name: its} for name, its in labels.items()], key=str)


def test_readings_that_wait_cannot_come_along():
    state = state_of(assembly().detector)._replace(waiting={"device": object()})
    with pytest.raises(StateError, match="must not hold readings back, got 1"):
        list(moving.divided([state], 4))


def test_what_is_no_state_is_refused_by_name(tmp_path):
    with pytest.raises(StateError, match="must be a state directory, got none"):
        moving.from_daemon(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StateError, match="must hold the state of a detector, got none"):
        moving.from_daemon(tmp_path / "empty")
    with pytest.raises(StateError, match=r"a\.state: kind: must be SDSTATE, got SDSHARD"):
        moving.from_bytes(shard().to_bytes(), "a.state")


def test_a_checkpoint_begins_with_the_shards_of_a_state(tmp_path):
    detector = assembly().detector
    detector.process(cut_of(12))
    parts = list(moving.divided([state_of(detector)], 64))
    assert seeding.plant(str(tmp_path / "checkpoint"), parts) == 3
    read = parquet.read_table(tmp_path / "checkpoint-seed").to_pylist()
    assert [(row["shard"], row["sealed"]) for row in read] == parts
    with pytest.raises(StateError, match="checkpoint-seed: must not exist yet"):
        seeding.plant(str(tmp_path / "checkpoint"), parts)
    (tmp_path / "begun").mkdir()
    with pytest.raises(StateError, match="begun: must not exist yet"):
        seeding.plant(str(tmp_path / "begun"), parts)


def test_the_command_carries_a_state_from_a_daemon_to_spark(tmp_path, capsys):
    detector = assembly().detector
    detector.process(cut_of(12))
    moving.to_daemon(tmp_path / "state", [state_of(detector)])
    config, file = tmp_path / "config.yaml", str(tmp_path / "all.state")
    config.write_text(
        f"state: {{directory: {tmp_path}/state}}\nspark: {{checkpoint: {tmp_path}/checkpoint, shards: 4}}\n"
    )
    assert main(["state", "export", "-c", str(config), file]) == 0
    assert main(["state", "import", "--spark", "-c", str(config), file]) == 0
    assert capsys.readouterr().out == "default: 3 sensors\n" * 2
    assert parquet.read_table(tmp_path / "checkpoint-seed").num_rows in {1, 2, 3}
