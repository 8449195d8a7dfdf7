import math

from streamdetect.codecs.joining import Joiner

NAN = math.nan


def joined(*features, tolerance=2.0, most=10, count=2):
    """Take (sensor, feature, time, value) in turn; what comes out, with None for what is missing."""
    joiner = Joiner(count, tolerance, most)
    found = [reading for feature in features for reading in joiner.take(*feature)]
    return [(time, tuple(None if math.isnan(v) else v for v in values)) for time, values in found]


def test_features_within_the_tolerance_are_one_reading_at_the_newest_time():
    assert joined(("a", 0, 10.0, 1.0), ("a", 1, 11.5, 2.0)) == [(11.5, (1, 2))]


def test_their_order_does_not_matter():
    assert joined(("a", 1, 11.5, 2.0), ("a", 0, 10.0, 1.0)) == [(11.5, (1, 2))]


def test_a_feature_too_late_begins_the_next_reading():
    found = joined(("a", 0, 10.0, 1.0), ("a", 1, 12.5, 2.0), ("a", 0, 12.6, 3.0))
    assert found == [(10.0, (1, None)), (12.6, (3, 2))]


def test_a_feature_that_comes_again_ends_the_reading_at_hand():
    found = joined(("a", 0, 10.0, 1.0), ("a", 0, 11.0, 2.0), ("a", 1, 11.0, 5.0))
    assert found == [(10.0, (1, None)), (11.0, (2, 5))]


def test_devices_are_apart():
    found = joined(("a", 0, 10.0, 1.0), ("b", 1, 10.0, 2.0), ("b", 0, 10.0, 3.0), ("a", 1, 10.0, 4.0))
    assert found == [(10.0, (3, 2)), (10.0, (1, 4))]


def test_one_feature_needs_no_waiting():
    assert joined(("a", 0, 10.0, 1.0), count=1) == [(10.0, (1,))]


def test_devices_that_never_complete_do_not_pile_up():
    joiner = Joiner(2, 1.0, most=3)
    for at in range(100):
        assert joiner.take(f"s{at}", 0, float(at), 1.0) == []
    assert len(joiner._pending) == 3
    assert joiner.take("s99", 1, 99.0, 2.0) == [(99.0, (1.0, 2.0))]


def test_a_feature_that_is_delivered_twice_changes_nothing():
    found = joined(("a", 0, 10.0, 1.0), ("a", 0, 10.0, 1.0), ("a", 1, 10.0, 2.0))
    assert found == [(10.0, (1, 2))]


def test_what_is_waited_for_can_be_taken_out_and_put_back():
    one, other = Joiner(2, 1.0, 10), Joiner(2, 1.0, 10)
    for sensor in "abc":
        one.take(sensor, 0, 10.0, 1.0)
    assert list(one.snapshot(["c", "x"])) == ["c"]
    other.restore(one.snapshot())
    assert other.take("b", 1, 10.5, 2.0) == one.take("b", 1, 10.5, 2.0) == [(10.5, (1.0, 2.0))]
    assert list(other.snapshot()) == list(one.snapshot()) == ["a", "c"]
