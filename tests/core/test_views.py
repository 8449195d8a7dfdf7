"""Each view finds faults of the kinds that people have, and passes normal values."""

import numpy as np
import pytest

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.readings import Outcome, Readings
from streamdetect.core.rules import VIEWS, Rule
from streamdetect.core.scaling import Scaling

MINUTE, DAY = 60.0, 1440  # s; readings
START = 19_700 * 86_400.0


def detector(features=1, views=VIEWS, **more):
    rule = Rule(views=tuple(view for view in views if view != "reconstruction"))
    changes = {"rules": (rule,)} | more
    return Detector(DetectorSettings(1, features, Scaling("none"), **changes), np.zeros_like)


def with_errors_of_values():
    """A detector whose model rebuilds every window as zeros."""
    return Detector(DetectorSettings(1, 1, Scaling("none")), np.zeros_like)


def feed(model, values, start=0, sensor="a", step=MINUTE):
    """A reading a minute; returns the transitions."""
    values = np.asarray(values, dtype=float).reshape(len(values), -1)
    times = START + (start + np.arange(len(values))) * step
    return model.process(Readings([sensor] * len(values), times, values)).transitions


def freezer(readings, seed=0):
    """A compressor's saw between -19 and -17 degrees, every 35 minutes."""
    phase = np.arange(readings) % 35 / 35
    return -19 + 2 * np.abs(2 * phase - 1) + np.random.default_rng(seed).normal(0, 0.05, readings)


def openings(found):
    return [edge for edge in found if edge.kind == "opened"]


def test_a_freezer_that_warms_is_found_while_it_warms_and_until_it_is_cold():
    values = freezer(6 * DAY)
    at = 4 * DAY
    values[at : at + 300] += np.linspace(0, 15, 300)
    values[at + 300 : at + 480] += 15
    found = feed(detector(), values)
    (opened,) = openings(found)
    closed = next(edge for edge in found if edge.kind == "closed")
    assert START + at * MINUTE < opened.time < START + (at + 100) * MINUTE
    assert opened.value[0] < -13
    assert closed.time > START + (at + 480) * MINUTE
    assert (closed.fault, closed.direction, closed.reason) == ("drift", "up", "recovered")
    assert closed.peak_value[0] > -3
    assert -20 < opened.lower[0] < opened.expected[0] < -17 < opened.upper[0] < -15


def test_a_pump_that_is_hotter_for_two_hours_is_not_recovered_meanwhile():
    values = 50 + np.random.default_rng(1).normal(0, 0.5, 5 * DAY)
    at = 4 * DAY
    values[at : at + 120] += 6
    found = feed(detector(), values)
    (opened,) = openings(found)
    (closed,) = [edge for edge in found if edge.kind == "closed"]
    assert opened.time - START <= (at + 5) * MINUTE
    assert closed.time - START > (at + 120) * MINUTE
    assert closed.fault == "level"


def test_the_same_drift_is_found_again():
    values = 20 + np.random.default_rng(2).normal(0, 0.3, 6 * DAY)
    for at in (4 * DAY, 4 * DAY + 400):
        values[at : at + 120] += np.linspace(0, 5, 120)
    assert len(openings(feed(detector(), values))) == 2


def test_a_boiler_that_is_stuck():
    values = np.round(
        60 + 3 * np.sin(np.arange(4 * DAY) / 40) + np.random.default_rng(3).normal(0, 0.2, 4 * DAY), 1
    )
    at = 3 * DAY
    values[at : at + 120] = 63.1
    (opened, *_) = openings(feed(detector(views=("stuck",)), values))
    assert opened.fault == "stuck"
    assert at + 20 <= (opened.time - START) / MINUTE <= at + 60


def test_a_value_that_hardly_ever_moves_is_not_stuck():
    values = np.where(np.arange(6 * DAY) // 400 % 2, 3.05, 3.04)
    assert openings(feed(detector(views=("stuck",)), values)) == []


def test_one_spike_is_told_with_its_own_value():
    values = 20.5 + np.random.default_rng(4).normal(0, 0.2, 5 * DAY)
    values[4 * DAY] += 9
    *_, opened = openings(feed(detector(), values))
    assert opened.time == START + 4 * DAY * MINUTE
    assert opened.fault == "spike"
    assert opened.peak_value[0] == pytest.approx(29.5, abs=1)
    assert 19 < opened.lower[0] < opened.upper[0] < 22.5


def turns(*lengths):
    """One turn after another, each so many readings."""
    return np.concatenate([np.sin(2 * np.pi * np.arange(length) / length) for length in lengths])


def test_a_machine_that_turns_more_slowly_is_told_until_it_is_back():
    values = turns(*[200] * 20, *[280] * 3, *[200] * 6)
    opened, *_, closed = feed(detector(views=("rhythm",)), values, step=20)
    assert (opened.kind, closed.kind, closed.reason) == ("opened", "closed", "recovered")
    assert 4000 + 240 <= (opened.time - START) / 20 <= 4000 + 300
    assert opened.fault == closed.fault == "rhythm"
    assert opened.most == pytest.approx(200 * 20, abs=160)  # a crossing is known to a few readings
    assert 1.2 * opened.most < opened.held <= 280 * 20
    assert 4000 + 3 * 280 + 200 <= (closed.time - START) / 20 <= 4000 + 3 * 280 + 600


def test_turns_that_are_slower_from_now_on_are_normal_after_eight():
    values = turns(*[200] * 20, *[280] * 30)
    found = feed(detector(views=("rhythm",)), values, step=20)
    assert [edge.kind for edge in found if edge.kind != "updated"] == ["opened", "closed"]


@pytest.mark.parametrize("lengths", [[200, 250, 320], [12]], ids=["uneven", "too short to be timed"])
def test_only_even_cycles_of_many_readings_can_be_late(lengths):
    values = turns(*lengths * (6000 // sum(lengths)), 600)
    assert feed(detector(views=("rhythm",)), values, step=20) == []


def test_a_heating_may_take_longer_at_night():
    values = turns(*([200] * 12 + [300] * 6) * 4)
    assert feed(detector(views=("rhythm",)), values, step=20) == []


def test_heating_is_normal_in_the_morning_and_not_at_three():
    minute = np.arange(12 * DAY) % DAY
    values = 19 + 2.0 * ((minute >= 360) & (minute < 480)) + np.random.default_rng(5).normal(0, 0.1, 12 * DAY)
    mornings = feed(detector(views=("profile",)), values)
    assert openings(mornings) == []
    at = 11 * DAY + 180
    values[at : at + 60] += 2.0
    (opened,) = openings(feed(detector(views=("profile",)), values))
    assert at <= (opened.time - START) / MINUTE < at + 60


def test_nothing_opens_on_plain_noise_for_a_week():
    found = [
        openings(feed(detector(), np.random.default_rng(seed).normal(0, 1, 7 * DAY))) for seed in range(4)
    ]
    assert sum(map(len, found)) <= 1


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_limits_and_rate_hold_from_the_second_reading_on(batch):
    rule = Rule(views=("limits", "rate"), low=(0.0,), high=(10.0,), rate=(0.1,))
    model = detector(rules=(rule,), incidents=IncidentSettings(close_after=1))
    values = [5, 5, 10.5, 10.0, 9.0, 2.0, -0.5, 0.5]
    found = []
    for start in range(0, len(values), batch):
        found += feed(model, values[start : start + batch], start)
    opened = openings(found)
    assert [(edge.fault, edge.value[0]) for edge in opened] == [("limit", 10.5), ("rate", 2.0)]
    assert opened[0].upper == (10.0,)


def test_a_rule_for_some_sensors_wins_over_that_for_all():
    rules = (
        Rule(views=("limits",), high=(10.0,)),
        Rule("attic/*", high=(40.0,)),
        Rule("attic/x", views=()),
    )
    model = detector(rules=rules, incidents=IncidentSettings(excess=0.0))
    hot = {
        sensor: openings(feed(model, [30.0, 50.0], sensor=sensor))
        for sensor in ("hall", "attic/a", "attic/x")
    }
    assert [edge.value for edge in hot["hall"]] == [(30.0,)]
    assert [edge.value for edge in hot["attic/a"]] == [(50.0,)]
    assert hot["attic/x"] == []


def steady(model, readings, sensor="a", start=0):
    return feed(model, np.random.default_rng(6).normal(size=readings), start, sensor)


def test_a_window_sensor_that_falls_silent_is_told_by_the_clock_of_the_others():
    model = detector(views=("silent",))
    for sensor in ("a", "b"):
        assert openings(steady(model, 300, sensor)) == []
    found = steady(model, 60, "b", 300)
    (opened,) = openings(found)
    assert (opened.sensor, opened.fault) == ("a", "silent")
    assert 300 < (opened.time - START) / MINUTE <= 299 + 11
    assert model.columns().silent.tolist() == [True, False]
    (closed,) = steady(model, 1, "a", 360)
    assert (closed.kind, closed.reason, closed.fault) == ("closed", "recovered", "silent")
    assert closed.peak_score == pytest.approx(61 / 10, rel=0.1)


def test_a_lone_sensor_falls_silent_by_the_clock_that_it_is_given():
    model = detector(views=("silent",))
    steady(model, 300)
    assert model.look(START + 305 * MINUTE) == []
    (opened,) = model.look(START + 320 * MINUTE)
    assert model.look(START + 400 * MINUTE) == []
    assert opened.sensor == "a"


def test_who_was_not_listened_to_was_not_silent():
    model = detector(views=("silent",))
    for sensor in ("a", "b"):
        steady(model, 300, sensor)
    model.resume()
    assert steady(model, 5, "b", 500) == []
    (opened,) = openings(steady(model, 30, "b", 505))
    assert opened.time > START + 500 * MINUTE


def test_a_sensor_that_sends_on_change_may_be_quiet_for_as_long_as_it_ever_was():
    rng = np.random.default_rng(7)
    times = START + np.cumsum(rng.exponential(600.0, 600))
    model = detector(views=("silent",))
    found = model.process(Readings(["a"] * 600, times, rng.normal(size=(600, 1)))).transitions
    assert len(openings(found)) <= 1


def test_how_long_it_may_be_silent_can_be_given():
    model = detector(rules=(Rule(views=("silent",), silent_after=90.0),))
    steady(model, 2)
    (opened,) = model.look(START + 300.0)
    assert opened.time == START + 60.0 + 90.0


def test_what_is_accepted_is_normal_from_now_on():
    values = 20 + np.random.default_rng(8).normal(0, 0.3, 5 * DAY)
    values[4 * DAY :] += 8
    model = detector()
    feed(model, values[: 4 * DAY + 60])
    (closed,) = model.accept("a")
    assert (closed.kind, closed.reason) == ("closed", "accepted")
    assert openings(feed(model, values[4 * DAY + 60 :], 4 * DAY + 60)) == []
    assert model.accept("a") == []


def test_a_sensor_can_be_made_less_sensitive():
    values = 20 + np.random.default_rng(9).normal(0, 0.3, 5 * DAY)
    values[4 * DAY : 4 * DAY + 60] += 2
    usual, dull = detector(), detector()
    for model in (usual, dull):
        feed(model, values[:DAY])
    dull.set_sensitivity("a", 0.01)
    assert len(openings(feed(usual, values[DAY:], DAY))) == 1
    assert openings(feed(dull, values[DAY:], DAY)) == []


def test_a_door_that_was_shut_all_night_alarms_in_the_morning_and_not_all_day():
    values = np.zeros(2 * DAY)
    for at in (500, 640, 700, 830, 1000, 1100, 1260):
        values[at : at + 3] = values[DAY + at : DAY + at + 3] = 1.0
    first, *others = openings(feed(with_errors_of_values(), values))
    assert first.time < START + 503 * MINUTE
    assert all(edge.time < START + 720 * MINUTE for edge in others)  # the end of the block


def test_of_several_features_the_one_that_is_off_is_named():
    values = np.random.default_rng(10).normal(0, 1, (5 * DAY, 3))
    values[4 * DAY : 4 * DAY + 120, 1] += 9
    (opened,) = openings(feed(detector(features=3), values))
    assert opened.feature == 1


def test_how_long_a_sensor_takes_to_be_judged_is_known():
    model = detector()
    steady(model, 60)
    count, seconds = model.warmup()
    assert count == 1
    assert seconds == pytest.approx(60 * MINUTE, rel=0.1)  # 60 more readings of a minute
    steady(model, 60, start=60)
    assert model.warmup() == (0, 0.0)


@pytest.mark.parametrize("sizes", [[1], [7, 3], [500]])
def test_where_a_batch_is_cut_cannot_be_seen_by_who_falls_silent(sizes):
    rng = np.random.default_rng(11)
    ids = rng.choice(["a", "b"], 500, p=[0.7, 0.3]).tolist()
    times = START + np.cumsum(rng.choice([1.0, 5.0, 400.0], 500, p=[0.6, 0.39, 0.01]))
    readings = Readings(ids, times, rng.normal(size=(500, 1)))

    def told(sizes):
        model, found, start, turn = detector(views=("silent", "level")), [], 0, 0
        while start < 500:
            part = slice(start, start + sizes[turn % len(sizes)])
            found += model.process(Readings(ids[part], times[part], readings.values[part])).transitions
            start, turn = start + sizes[turn % len(sizes)], turn + 1
            if turn == 1:
                model.resume()
        return sorted(map(repr, found)), model.snapshot()

    expected, columns = told([sizes[0], 10_000])
    found, others = told(sizes)
    assert found == expected
    assert all(others[name].tobytes() == column.tobytes() for name, column in columns.items())
    assert any("silent" in one for one in found)


SHIFTED = 20 + np.random.default_rng(12).normal(0, 0.3, 5 * DAY)
SHIFTED[4 * DAY : 4 * DAY + 60] += 2
SHIFTED[4 * DAY + 600 : 4 * DAY + 660] -= 2


@pytest.mark.parametrize(
    ("rule", "directions"),
    [
        (Rule(), ["up", "down"]),
        (Rule(side=(1.0,)), ["up"]),
        (Rule(side=(-1.0,)), ["down"]),
        (Rule(least=(1.0,)), ["up", "down"]),
        (Rule(least=(3.5,)), []),
        (Rule(share=(0.05,)), ["up", "down"]),
        (Rule(share=(0.2,)), []),
    ],
)
def test_what_counts_can_be_said_in_the_unit(rule, directions):
    opened = openings(feed(detector(rules=(rule,)), SHIFTED))
    assert [edge.direction for edge in opened] == directions


def test_the_band_holds_what_does_not_count():
    rules = (Rule(least=(2.0,)), Rule("low", side=(1.0,)))
    model = detector(rules=rules)
    for sensor in ("a", "low"):
        feed(model, 20 + np.random.default_rng(13).normal(0, 0.01, DAY), sensor=sensor)
    found = model.columns()
    assert found.upper[:, 0] == pytest.approx(22, abs=0.05)
    assert found.lower[:, 0] == pytest.approx([18, np.nan], abs=0.05, nan_ok=True)


def test_one_side_teaches_the_other_no_limit():
    values = 20 + np.random.default_rng(14).normal(0, 0.3, 9 * DAY)
    for day in range(8):
        at = day * DAY + 100 * day
        values[at : at + 5] -= 30  # a door that opens, at another time each day
    values[8 * DAY + 900 : 8 * DAY + 1000] += 3
    found = openings(feed(detector(rules=(Rule(side=(1.0,)),)), values))
    assert [edge.direction for edge in found] == ["up"]


def test_of_several_features_each_has_its_own_least_deviation():
    values = np.random.default_rng(10).normal(0, 1, (5 * DAY, 2))
    values[4 * DAY : 4 * DAY + 120] += 9
    rule = Rule(least=(0.0, 30.0))
    (opened,) = openings(feed(detector(features=2, rules=(rule,)), values))
    assert opened.feature == 0


def test_excluded_sensors_have_no_place():
    rules = (Rule("garage/*", exclude=True), Rule("garage/door", exclude=False))
    model = detector(rules=rules)
    sensors = ["garage/a", "hall", "garage/door", "garage/a"]
    found = model.process(Readings(sensors, 1e9 + np.arange(4.0), np.ones((4, 1))))
    excluded, accepted = Outcome.EXCLUDED, Outcome.ACCEPTED
    assert found.outcomes.tolist() == [excluded, accepted, accepted, excluded]
    assert model.columns().ids == ["hall", "garage/door"]
    assert model.leave_out() == []


def test_a_sensor_that_is_excluded_later_leaves_and_its_incident_ends():
    before, after = detector(rules=HIGH), detector(rules=(*HIGH, Rule("hall", exclude=True)))
    feed(before, [5.0, 50.0, 51.0], sensor="hall")
    feed(before, [5.0, 50.0, 51.0], sensor="yard")
    after.restore(before.snapshot())
    (closed,) = after.leave_out()
    assert (closed.sensor, closed.kind, closed.reason) == ("hall", "closed", "excluded")
    assert after.columns().ids == ["yard"]
    assert after.columns().incident_open.tolist() == [True]


HIGH = (Rule(views=("limits",), high=(10.0,)),)


def test_rules_outlive_a_change_of_regime_and_are_those_of_now_after_a_restart():
    strict, lax = (detector(rules=(Rule(high=(bound,)),)) for bound in (10.0, 50.0))
    feed(strict, [1.0] * 20)
    strict.state.judge.restart(np.array([0]))
    assert [one.kind for one in feed(strict, [20.0], start=20)] == ["opened"]
    lax.restore(strict.snapshot())
    assert lax.rules.high.tolist() == [[50.0]]
    assert not [name for name in strict.snapshot() if "rules" in name]


@pytest.mark.parametrize("left_out", ["profile", "range"])
def test_a_view_that_is_off_for_all_is_off_for_each(left_out):
    """No such view is looked at; an override that gives it to one sensor has it looked at for all."""
    views = tuple(view for view in VIEWS if view != left_out)
    at = np.arange(4 * DAY)
    values = 20.0 + np.sin(at * 2 * np.pi / DAY) + np.where(at > 3.5 * DAY, 3.0, 0.0)
    off = detector(rules=(Rule(views=views),))
    elsewhere = detector(rules=(Rule(views=views), Rule("other", views=VIEWS)))
    one, other = (
        [(edge.kind, edge.time, edge.score) for edge in feed(model, values)] for model in (off, elsewhere)
    )
    assert one
    assert one == other


def test_a_false_alarm_that_is_over_is_not_told_again():
    values = 20 + np.random.default_rng(15).normal(0, 0.3, 6 * DAY)
    for day in (4, 5):
        values[day * DAY + 100 : day * DAY + 190] += 5
    heard, unheard = detector(), detector()
    for model in (heard, unheard):
        assert len(openings(feed(model, values[: 5 * DAY]))) == 1
    assert heard.accept("a") == []
    assert len(openings(feed(unheard, values[5 * DAY :], 5 * DAY))) == 1
    assert openings(feed(heard, values[5 * DAY :], 5 * DAY)) == []
    values[:DAY] += np.where(np.arange(DAY) // 60 == 20, 15, 0)
    assert len(openings(feed(heard, values[:DAY], 6 * DAY))) == 1, "what is far worse is"


def test_a_step_does_not_rise_and_a_spike_does_not_fluctuate():
    values = 20 + np.random.default_rng(16).normal(0, 0.3, 5 * DAY)
    values[4 * DAY + 100 : 4 * DAY + 220] += 4
    values[4 * DAY + 900] += 30
    found = feed(detector(), values)
    told = [(edge.kind, edge.fault) for edge in found]
    assert told[:3] == [("opened", "spike"), ("updated", "level"), ("closed", "level")]
    assert {fault for _, fault in told[3:]} == {"spike"}
    assert found[-1].peak_value[0] == pytest.approx(50, abs=2)


def test_how_long_is_said_of_what_is_stuck_and_of_who_is_silent():
    values = 20 + np.random.default_rng(17).normal(0, 0.3, 5 * DAY)
    values[4 * DAY : 4 * DAY + 60] = 20.0
    (opened,) = openings(feed(detector(), values))
    assert (opened.fault, opened.held, opened.most) == ("stuck", 21 * MINUTE, MINUTE)
    model = detector()
    steady(model, 500)
    (silent,) = [edge for edge in steady(model, 300, "b", start=300) if edge.sensor == "a"]
    assert (silent.held, silent.most) == (10 * MINUTE, MINUTE)


def test_the_limit_that_was_given_is_told():
    rule = Rule(low=(0.0,), high=(30.0,))
    values = 20 + np.random.default_rng(18).normal(0, 0.3, DAY)
    values[900] = 31.0
    (opened,) = openings(feed(detector(rules=(rule,)), values))
    assert (opened.fault, opened.limit) == ("limit", 30.0)
