"""Verdicts against a plain reference that takes one reading at a time."""

from typing import NamedTuple

import numpy as np
import pytest
import reference
from quick_detector import QUICK

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import VIEWS, Rule
from streamdetect.core.scaling import Scaling

FOREVER = IncidentSettings(regime_change_after=1e18)
NO_SILENCE = Rule(views=tuple(view for view in VIEWS if view != "silent"))


class Counts(NamedTuple):
    """The values of one feature that count; see Rule."""

    side: float = 0.0
    least: float = 0.0
    share: float = 0.0

    @property
    def rules(self):
        return NO_SILENCE, Rule(side=(self.side,), least=(self.least,), share=(self.share,))


def sensor(kind, seed, readings=7200, step=60.0):
    """Readings with a daily shape, a spike, a shift, a drift and a stuck value."""
    rng = np.random.default_rng(seed)
    times = 1.7e9 + np.arange(readings) * step
    daily = np.sin(times / 86_400 * 2 * np.pi)
    values = {
        "noise": rng.normal(20, 1, len(times)),
        "daily": 20 + 3 * daily + rng.normal(0, 0.3, len(times)),
        "walk": 20 + 0.05 * np.cumsum(rng.normal(size=len(times))),
        "cycle": 5 * np.abs(np.arange(len(times)) % 50 - 25) / 25 + rng.normal(0, 0.1, len(times)),
    }[kind]
    at = (rng.uniform(0.75, 0.95, 4) * len(times)).astype(int)
    values[at[0]] += 30
    values[at[1] : at[1] + 150] += 6
    values[at[2] : at[2] + 200] += np.linspace(0, 8, 200)
    values[at[3] : at[3] + 60] = values[at[3]]
    errors = rng.gamma(4.0, 0.1, len(times))
    errors[at[0] : at[0] + 16] += 3.0
    errors[at[2] : at[2] + 200] += 0.5
    return times, values, errors


def judged(settings, times, values, errors, batch, rule=Counts()):  # noqa: B008 - it is frozen
    detector = Detector(
        DetectorSettings(1, 1, Scaling("none"), judging=settings, incidents=FOREVER, rules=rule.rules),
        np.zeros_like,
    )
    scores, edges = [], []
    for start in range(0, len(times), batch):
        part = slice(start, start + batch)
        pushed = detector.push(Readings(["a"] * len(times[part]), times[part], values[part, None]))
        found = detector.judge(pushed, errors[part], errors[part, None])
        scores.extend(found.scores.tolist())
        edges.extend((edge.kind, edge.time) for edge in found.transitions if edge.kind != "updated")
    return scores, edges


@pytest.mark.parametrize("kind", ["noise", "daily", "walk", "cycle"])
@pytest.mark.parametrize(("seed", "step"), [(0, 60.0), (1, 60.0), (2, 300.0)])
def test_scores_and_incidents_are_those_of_a_plain_reference(kind, seed, step):
    assert_as_the_reference(kind, seed, Counts(), step)


@pytest.mark.parametrize("kind", ["noise", "daily"])
@pytest.mark.parametrize("rule", [Counts(side=1.0), Counts(side=-1.0), Counts(least=4.0, share=0.1)])
def test_what_does_not_count_is_that_of_a_plain_reference(kind, rule):
    assert_as_the_reference(kind, 0, rule)


def assert_as_the_reference(kind, seed, rule, step=60.0):
    settings = JudgeSettings(warmup_seconds=86_400.0, calm_cycles=0.0, short_cycles=0.0)
    times, values, errors = sensor(kind, seed, step=step)
    expected = reference.judge(settings, FOREVER, times.tolist(), values.tolist(), errors.tolist(), rule)
    scores, edges = judged(settings, times, values, errors, 700, rule)
    wanted = [score for score, _ in expected]
    # Much of what is remembered of a sensor is kept in 32 bits.
    np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-4)
    is_open = np.array([False, *(one for _, one in expected)])
    changes = np.flatnonzero(np.diff(is_open.astype(int)))
    kinds = {True: "opened", False: "closed"}
    assert edges == [(kinds[bool(is_open[at + 1])], times[at]) for at in changes]
    assert any(kind == "opened" for kind, _ in edges)


def test_quick_settings_are_judged_like_the_usual_ones():
    times, values, errors = sensor("daily", 3, readings=2880)
    expected = reference.judge(QUICK, FOREVER, times.tolist(), values.tolist(), errors.tolist(), Counts())
    scores, _ = judged(QUICK, times, values, errors, batch=11)
    assert np.isfinite(scores).any()
    assert len(expected) == len(scores)
