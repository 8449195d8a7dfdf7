"""The simulated plant: the same for the same seed, and what goes wrong in it is on record."""

from __future__ import annotations

import itertools

import numpy as np
import orjson
import pytest

from streamdetect.demo.faults import KINDS, REST, schedule
from streamdetect.demo.plant import WARM_UP, Plant
from streamdetect.demo.sensors import QUANTITIES, make_sensors

TIME_STEPS = 16


def run(plant, steps):
    """(steps, sensors) values of a plant whose time is its step; NaN where no reading came."""
    topics = [f"plant/{sensor.name}" for sensor in plant.sensors]
    values = np.full((steps, len(topics)), np.nan)
    for row in values:
        for one in plant.step(float(plant.steps)):
            row[topics.index(one.topic)] = orjson.loads(one.payload)["value"]
    return values


@pytest.mark.parametrize("count", [1, 8, 30])
def test_a_seed_gives_one_plant_and_another_gives_another(count):
    first, again, other = (run(Plant(count, seed), 400) for seed in (5, 5, 6))
    assert first.shape == (400, count)
    assert np.array_equal(first, again, equal_nan=True)
    assert not np.array_equal(first, other, equal_nan=True)


def test_topics_payloads_and_names():
    plant = Plant(9, 0)
    readings = plant.step(1000.0)
    names = [quantity.name for quantity in QUANTITIES]
    assert [one.topic for one in readings] == [
        *(f"plant/line-1/{n}" for n in names),
        f"plant/line-2/{names[0]}",
    ]
    message = orjson.loads(readings[0].payload)
    assert message["time"] == 1000.0
    assert message["unit"] == "°C"
    assert abs(message["value"] - 180) < 30


def test_a_sensor_keeps_to_its_spread_and_its_pattern_repeats():
    for sensor in make_sensors(8, 3):
        values = np.array([sensor.read() for _ in range(3000)])
        assert values.std() == pytest.approx(sensor.spread, rel=0.1)
        centred = values - values.mean()
        period = int(sensor._period)
        if sensor.quantity.swing:
            assert (centred[:-period] * centred[period:]).mean() > 0.8 * values.var()


def test_the_schedule_has_every_kind_in_each_round_and_no_sensor_twice_at_a_time():
    sensors = make_sensors(24, 1)
    faults = list(itertools.islice(schedule(sensors, 1, 100), 20 * len(KINDS)))
    assert faults[0].start == 100
    for start in range(0, len(faults), len(KINDS)):
        assert {fault.kind for fault in faults[start : start + len(KINDS)]} == set(KINDS)
    for sensor in sensors:
        mine = [fault for fault in faults if fault.sensor is sensor]
        assert all(after.start >= before.end + REST for before, after in itertools.pairwise(mine))
        assert sensor.quantity.swing or not any(fault.kind.patterned for fault in mine)


def test_every_other_round_is_the_one_before_once_more():
    faults = list(itertools.islice(schedule(make_sensors(24, 1), 1, 100), 4 * len(KINDS)))
    rounds = [faults[at : at + len(KINDS)] for at in range(0, len(faults), len(KINDS))]
    for one, again in (rounds[:2], rounds[2:]):
        assert [(fault.kind, fault.sensor, fault.size) for fault in one] == [
            (fault.kind, fault.sensor, fault.size) for fault in again
        ]
    assert rounds[0] != rounds[2]


def test_a_plant_of_one_sensor_of_noise_still_gets_faults():
    noise = [sensor for sensor in make_sensors(8, 0) if not sensor.quantity.swing]
    kinds = {fault.kind.name for fault in itertools.islice(schedule(noise, 0, 0), 30)}
    assert kinds == {"spike", "broken line", "stuck", "silent", "noise burst"}


@pytest.mark.parametrize("seed", range(6))
def test_faults_change_their_sensors_in_their_interval_and_nothing_else(seed):
    begun = []
    steps = WARM_UP + 250
    faulty = run(Plant(24, seed, time_steps=TIME_STEPS, begun=begun.append), steps)
    sound = Plant(24, seed, time_steps=TIME_STEPS)
    sound.injecting = False
    differs = faulty != run(sound, steps)
    names = [sensor.name for sensor in sound.sensors]
    expected = np.zeros_like(differs)
    for one in begun:
        rows = slice(one.fault.start, one.fault.end)
        expected[rows, names.index(one.sensor)] = True
        if one.fault.end <= steps:
            assert differs[rows, names.index(one.sensor)].mean() > 0.9, one.fault.kind.name
    assert not (differs & ~expected).any()
    assert not differs[:WARM_UP].any()


def test_each_kind_does_what_its_name_says():  # noqa: C901 - a case a kind
    begun = []
    plant = Plant(24, 2, time_steps=TIME_STEPS, begun=begun.append)
    values = run(plant, WARM_UP + 600)
    names = [sensor.name for sensor in plant.sensors]
    seen = set()
    for one in begun:
        fault, spread, quantity = one.fault, one.fault.sensor.spread, one.fault.sensor.quantity
        if fault.end > len(values):
            continue
        series = values[:, names.index(one.sensor)]
        normal, during = series[:WARM_UP], series[fault.start : fault.end]
        away = abs(during - normal.mean()) / spread
        seen.add(fault.kind.name)
        match fault.kind.name:
            case "spike":
                assert len(during) == 2
                assert away.min() > 7
            case "level shift":
                assert away.min() > 6
                assert during.std() < 2 * spread
            case "drift":
                assert away[-1] > 6
                assert away[:5].max() < 4
            case "slow drift":
                assert away[-1] > 6
                assert away[:60].max() < 5
            case "broken line":
                assert set(during) == {quantity.broken}
            case "stuck":
                assert set(during) == {series[fault.start - 1]}
            case "silent":
                assert np.isnan(during).all()
            case "noise burst":
                assert during.std() > 2 * spread
            case "standstill":
                assert abs(during[20:] - quantity.idle).max() < 5 * quantity.noise + 0.05 * quantity.level
    assert seen == {kind.name for kind in KINDS}


def test_an_injection_lasts_as_long_as_a_window_holds_one_of_its_readings():
    begun = []
    plant = Plant(24, 0, time_steps=TIME_STEPS, begun=begun.append)
    run(plant, WARM_UP)
    assert not begun
    run(plant, 300)
    done = [one for one in begun if one.over]
    assert len(done) > 5
    for one in done:
        assert one.started == one.fault.start
        assert one.last == one.fault.end - 1 + TIME_STEPS - 1
        assert one not in plant.under_way
    for one in set(begun) - set(done):
        assert one in plant.under_way
        assert one.last == plant.steps - 1


def test_no_fault_begins_while_there_should_be_none():
    plant = Plant(24, 0)
    run(plant, WARM_UP + 1)
    assert plant.injected == 1
    plant.injecting = False
    run(plant, 100)
    plant.injecting = True
    assert plant.injected == 1
    run(plant, 18)
    assert plant.injected == 2


def test_readings_are_finite_and_rounded_as_a_sensor_would():
    for place, column in enumerate(run(Plant(8, 4), WARM_UP + 500).T):
        decimals = QUANTITIES[place].decimals
        assert all(value == round(value, decimals) for value in column[np.isfinite(column)].tolist())
        assert np.isfinite(column[:WARM_UP]).all()


@pytest.mark.parametrize("seed", range(6))
def test_no_fault_takes_a_quantity_below_what_it_can_be(seed):
    begun = []
    plant = Plant(24, seed, begun=begun.append)
    values = run(plant, WARM_UP + 500)
    allowed = [min(0.0, one.quantity.broken) - 5 * one.quantity.noise for one in plant.sensors]
    assert not (values <= allowed).any()
