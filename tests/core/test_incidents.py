import numpy as np
import pytest

from streamdetect.core.incidents import Incidents, IncidentSettings, Judged


def windows(errors, threshold=1.0, changed=()):
    """A window a second, judged against a fixed threshold."""
    return [
        Judged(
            sensor="a",
            time=float(at),
            value=(error,),
            error=error,
            threshold=threshold,
            mean=0.5,
            sigma=0.25,
            anomalous=error > threshold,
            feature_errors=(error,),
            regime_changed=at in changed,
        )
        for at, error in enumerate(errors)
    ]


def step(incidents, windows):
    return incidents.step(0, [window.anomalous for window in windows], windows.__getitem__)


def edges(errors, changed=(), **settings):
    incidents = Incidents(IncidentSettings(**{"evidence": 0.0, "close_after": 1, **settings}))
    incidents.resize(1)
    return [edge for _, done in step(incidents, windows(errors, changed=changed)) for edge in done]


def told(errors, changed=(), **settings):
    return [(edge.kind, edge.time) for edge in edges(errors, changed, **settings)]


def test_a_run_is_one_incident():
    assert told([0, 1.5, 1.6, 1.5, 0]) == [("opened", 1), ("closed", 4)]


def test_an_update_says_that_severity_rose_once():
    assert told([0, 1.5, 2.5, 3, 2.5, 0]) == [("opened", 1), ("updated", 2), ("closed", 5)]


def test_updates_come_at_the_pace_asked_for():
    assert told([1.5] * 7, update_every=2) == [("opened", 0), ("updated", 2), ("updated", 4), ("updated", 6)]


def test_consecutive_windows_open_one_and_it_started_with_the_first():
    opened, closed = edges([1.5, 0, 1.5, 1.5, 1.5, 0], consecutive=3)
    assert (opened.kind, opened.time, opened.started, opened.windows) == ("opened", 4, 2, 3)
    assert (closed.kind, closed.time, closed.ended) == ("closed", 5, 4)


def test_evidence_adds_up_until_an_incident_opens():
    # (error - 1) / 0.25 a window: 4, then 20
    assert told([2.0, 2.0, 2.0, 0], evidence=12, critical_score=9) == [("opened", 2), ("closed", 3)]
    assert told([6.0, 0], evidence=12, critical_score=9) == [("opened", 0), ("closed", 1)]
    assert told([2.0, 2.0, 0, 2.0, 2.0, 0], evidence=12) == []


def test_close_after_bridges_a_short_calm():
    assert told([1.5, 0, 1.5, 0, 0, 0], close_after=2) == [("opened", 0), ("closed", 4)]


def test_between_the_limits_nothing_closes():
    assert told([1.5, 0.9, 0.9, 0.7], close_ratio=0.8) == [("opened", 0), ("closed", 3)]


@pytest.mark.parametrize(("cooldown", "again"), [(0, 2), (1, 3), (3, 5), (4, None)])
def test_after_a_close_none_opens_during_the_cooldown(cooldown, again):
    found = told([1.5, 0, 1.5, 1.5, 1.5, 1.5, 0], cooldown=cooldown)
    assert [time for kind, time in found if kind == "opened"] == [0] + ([again] if again else [])


def test_the_peak_is_the_worst_window():
    *_, closed = edges([1.5, 4.0, 1.2, 0])
    assert (closed.peak_error, closed.peak_score, closed.peak_time) == (4.0, 4.0, 1)
    assert closed.severity == "critical"


def test_a_change_of_regime_closes_and_is_said():
    found = edges([1.5, 1.5, 1.5, 0.2], changed={2})
    assert [(edge.kind, edge.reason) for edge in found] == [
        ("opened", ""),
        ("closed", "regime_change"),
        ("regime_changed", ""),
    ]


def test_a_change_of_regime_during_a_cooldown_is_said_too():
    found = told([1.5, 0, 1.5, 1.5], changed={3}, cooldown=10)
    assert found == [("opened", 0), ("closed", 1), ("regime_changed", 3)]


def test_a_score_against_a_threshold_of_zero_is_finite():
    incidents = Incidents(IncidentSettings(evidence=0.0))
    incidents.resize(1)
    ((_, (opened,)),) = step(incidents, windows([0.5], threshold=0.0))
    assert np.isfinite(opened.score)


def test_a_step_at_a_time_is_the_same_as_all_at_once():
    errors = np.random.default_rng(3).gamma(2.0, 0.5, 300).tolist()
    rules = IncidentSettings(
        consecutive=2, evidence=0.0, close_after=2, cooldown=4, update_every=3, close_ratio=0.7
    )
    whole, singly = Incidents(rules), Incidents(rules)
    for incidents in (whole, singly):
        incidents.resize(1)
    expected = [done for _, done in step(whole, windows(errors))]
    assert [done for window in windows(errors) for _, done in step(singly, [window])] == expected
    assert sum(map(len, expected)) > 20
