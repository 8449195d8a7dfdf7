"""Row 11."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, NamedTuple

from rig.bench import Bench, Outcome, finish, row
from rig.oracle import Expected, differences, saved, taken
from rig.waiting import until
from rig.workload import Workload

from streamdetect.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rig.bench import Plant

_EVERY = 64  # bytes
_DATABASE = "state.db"


class _Damage(NamedTuple):
    """A kind of damage to a file of the state."""

    file: str
    at: int
    do: Callable[[bytearray, int], None]


@row(11, "flip or truncate the state file, every 64 B", "no crash loop; set aside, counted, fresh start")
def state_damaged(bench: Bench) -> Outcome:
    """Every part of what the daemon left is damaged in turn, loaded, and now and then run."""
    plant, workload = bench.plant(), Workload(sensors=2, steps=60)
    whole = _leave_state(bench, plant, workload)
    logging.getLogger("streamdetect").setLevel(
        logging.CRITICAL
    )  # thousands of damaged files are news to nobody
    damages = list(_damages(whole, truncate_every=_EVERY if bench.long else 8 * _EVERY))
    same = aside = earlier = 0
    wrong = []
    for damage in damages:
        what = _load(bench.folder / "damaged", whole, damage, workload, plant.daemon.config)
        same, aside, earlier = (
            same + (what == "same"),
            aside + (what == "aside"),
            earlier + (what == "earlier"),
        )
        if what not in {"same", "aside", "earlier"}:
            wrong.append(f"{damage.file} at {damage.at}: {what}")
    restarts = [_restart(plant, whole, damage) for damage in damages[5 :: len(damages) // 4]]
    unsound = [restart for restart in restarts if restart]
    figure = (
        f"{len(damages)} damages: {aside} set aside and counted, {earlier} ended the log early, "
        f"{same} harmless, {len(wrong)} wrong; {len(restarts) - len(unsound)} of {len(restarts)} real starts"
    )
    return Outcome("; ".join([figure, *wrong[:3], *unsound]), not wrong and not unsound and aside > 0)


def _leave_state(bench: Bench, plant: Plant, workload: Workload) -> Path:
    """Let a daemon leave a snapshot in the database, and what came later in the write-ahead log."""
    messages, half = workload.messages(), len(workload) // 2
    plant.daemon.start()
    plant.publisher.send(messages[:half], rate=500)
    until(lambda: plant.daemon.metric("readings_total") == half, "half of the readings")
    plant.daemon.terminate()
    plant.daemon.start()
    plant.publisher.send(messages[half:], rate=500)
    finish(plant.daemon, workload)
    until(lambda: plant.daemon.metric("checkpoint_age_seconds") == 0, "the last commit")
    plant.daemon.kill()
    return shutil.copytree(plant.daemon.state, bench.folder / "whole")


def _damages(whole: Path, truncate_every: int) -> Iterator[_Damage]:
    for file in sorted(whole.glob(f"{_DATABASE}*")):
        size = file.stat().st_size
        yield from (_Damage(file.name, at, _flip) for at in range(0, size, _EVERY))
        yield from (_Damage(file.name, at, _truncate) for at in range(0, size, truncate_every))


def _flip(data: bytearray, at: int) -> None:
    data[at] ^= 1 << at // _EVERY % 8


def _truncate(data: bytearray, at: int) -> None:
    del data[at:]


def _apply(damage: _Damage, whole: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    file = folder / damage.file
    data = bytearray(file.read_bytes())
    damage.do(data, damage.at)
    file.write_bytes(data)


def _load(folder: Path, whole: Path, damage: _Damage, workload: Workload, config: dict[str, object]) -> str:
    """Load a damaged state in this process, and say what came of it."""
    _apply(damage, whole, folder)
    store = Store(folder, snapshot_every=3600)
    try:
        states = store.load().states
        aside = store.set_aside
    except Exception as error:  # noqa: BLE001 - any would be a crash loop
        return repr(error)
    finally:
        store.close()
    if aside:
        return (
            "aside" if not states and list(folder.glob("*.set-aside-*")) else "set aside, but there is state"
        )
    if not states:
        return "neither state nor set aside"
    number = taken(states[0].detector)
    expected = Expected(config)
    expected.feed(workload.readings(0, number))
    if differences(expected.detector, states[0].detector):
        return "a state that never was"
    return "same" if number == len(workload) else "earlier"


def _restart(plant: Plant, whole: Path, damage: _Damage) -> str:
    """Start the daemon on a damaged state; returns what is wrong with that."""
    daemon = plant.daemon
    _apply(damage, whole, daemon.state)
    before = len(saved(daemon.state).states)
    daemon.start()
    aside = daemon.metric("state_set_aside_total")
    plant.publisher.send([(f"sensors/after{damage.at}", b'{"value": 1}')], rate=10)
    until(lambda: daemon.metric("messages_total") > 0, "a reading after the damage")
    code = daemon.terminate().code
    return (
        ""
        if code == 0 and (aside == 1 or before)
        else f"{damage.file} at {damage.at}: {aside} set aside, exit {code}"
    )
