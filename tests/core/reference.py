"""The rules of judging, written for one sensor of one feature in plain lists, one reading at a time."""

import math

import numpy as np

NAN = math.nan


class Past:
    """A baseline and the limit on z: mean, deviation and limit stand still until `refresh`."""

    def __init__(self, settings, spread, floor, cap, two_sided, side=0):
        self.side = side
        self.settings, self.spread, self.floor, self.cap, self.two_sided = (
            settings,
            spread,
            floor,
            cap,
            two_sided,
        )
        self.mean = self.sigma = NAN
        self.limit = 4.0
        self.held, self.count, self.centre, self.m2 = [], 0.0, 0.0, 0.0
        self.maxima, self.maxima_mean, self.maxima_variance = 3.0, 3.0, 0.25
        self.top = self.worst = None
        self.armed = True

    def z(self, signal):
        z = (signal - self.mean) / self.sigma
        if self.two_sided and self.side:
            return self.side * z
        return abs(z) if self.two_sided else z

    def learn(self, signal, z, frozen):
        if math.isnan(signal):
            return
        capped = min(z, self.cap * self.limit)
        if frozen:
            self.worst = larger(self.worst, capped)
            return
        if not math.isnan(z):
            reach = max(self.limit, self.floor) * self.sigma
            signal = min(signal, self.mean + reach)
            if self.two_sided:
                signal = max(signal, self.mean - reach)
            self.top = larger(self.top, capped)
        self.held.append(signal)

    def refresh(self, full):
        if self.held:
            kept = min(self.count, self.settings.history)
            m2 = self.m2 * kept / self.count if self.count else 0.0
            n, mean = len(self.held), float(np.mean(self.held))
            total, delta = kept + n, mean - self.centre
            self.m2 = m2 + float(np.var(self.held)) * n + delta * delta * kept * n / total
            self.centre += delta * n / total
            self.count, self.held = total, []
        if full and self.top is not None:
            self.maxima = min(self.maxima, 100.0) + 1.0
            delta = self.top - self.maxima_mean
            self.maxima_mean += delta / self.maxima
            self.maxima_variance = (1 - 1 / self.maxima) * (
                self.maxima_variance + delta * delta / self.maxima
            )
            limit = self.maxima_mean + self.spread * math.sqrt(self.maxima_variance)
            self.limit, self.top = max(limit, self.floor), None
        if self.count >= self.settings.min_count:
            self.mean, self.sigma = self.centre, max(math.sqrt(self.m2 / self.count), 1e-12)


class Cycles:
    """Counts readings from one upward crossing of the mean to the next, and tells whether it is overdue."""

    def __init__(self):
        self.low, self.since, self.gaps, self.late, self.lates, self.limit = False, None, [], 0, 0, math.inf
        self.least = self.most = None

    def score(self, z, usual, *, warming):
        self.since = None if self.since is None else self.since + 1
        if z > 0.5 and self.low:
            if self.since is not None:
                self._end(0.0 if math.isnan(usual) else usual, warming)
            self.since = 0
        self.low = z < -0.5 or (self.low and not z > 0.5)
        return max(self.since or 0, self.late) / self.limit if self.limit < math.inf else NAN

    def _end(self, usual, warming):
        gap = self.since
        if warming or gap <= self.limit:
            self.gaps, self.late, self.lates = [*self.gaps, gap][-8:], 0, 0
            left = math.exp(-gap * usual / 259_200)
            least, most = (gap if one is None else float(one) for one in (self.least, self.most))
            self.least = np.float32(min(gap, gap + (least - gap) * left))
            self.most = np.float32(max(gap, gap + (most - gap) * left))
            return
        self.late, self.lates = gap, self.lates + 1
        if self.lates == 8:
            self.gaps, self.lates, self.least, self.most = [], 0, None, None

    def refresh(self, usual):
        known = len(self.gaps) == 8 and self.most is not None
        even = known and float(self.most) <= 1.3 * float(self.least) and self.most >= 40
        timed = even and float(self.most) * usual < 43_200
        self.limit = 1.2 * float(self.most) if timed else math.inf


def larger(one, other):
    if math.isnan(other):
        return one
    return other if one is None else max(one, other)


def last_mean(values, n):
    held = values[-n:]
    return sum(held) / len(held)


def counts(rule, value, usual):
    """Tell whether a value is off by enough, and on the side that counts."""
    by = value - usual
    if math.isnan(by):
        return True
    return abs(by) >= max(rule.least, rule.share * abs(usual)) and (not rule.side or by * rule.side > 0)


def judge(settings, incidents, times, values, errors, rule):  # noqa: C901, PLR0912, PLR0915 - the rules in one go
    """(score of each reading, whether an incident is open after it)."""
    names = "reconstruction", "level", "trend", "profile", "slow_profile"
    past = {
        "reconstruction": Past(settings, 2.0, settings.sigma, 1.5, two_sided=False),
        "level": Past(settings, 3.0, 2.0, math.inf, two_sided=True, side=rule.side),
        "trend": Past(settings, 3.0, 2.0, math.inf, two_sided=True, side=rule.side),
        "profile": Past(settings, 2.5, 2.0, math.inf, two_sided=True, side=rule.side),
        "slow_profile": Past(settings, 3.0, 2.0, math.inf, two_sided=True, side=rule.side),
    }
    found, seen, differences, tens, ten = [], [], [], [], []
    slots, slot, here, before, expected = {}, None, [], None, NAN
    low, high, new_low, new_high, growth, inner = math.inf, -math.inf, math.inf, -math.inf, 0.0, None
    dawn, day_low, day_high, lows, highs = NAN, math.inf, -math.inf, [], []
    below = above = 0.0
    run, longest, new_longest, stuck_limit = 0, 0.0, 0.0, 20.0
    cycles = Cycles()
    usual, pauses, tens_wanted, excess_wanted = NAN, [], 9, incidents.excess
    excess, calm, is_open, age, began = 0.0, 0, False, 0, NAN
    warm_from, warm_count = NAN, 0
    for at, (time, value, error) in enumerate(zip(times, values, errors, strict=True)):
        warming = at < settings.min_count or (
            at < settings.warmup and time - times[0] < settings.warmup_seconds
        )
        if at:
            pauses.append(time - times[at - 1])
        now = int(time % 86_400 // 1800)
        if now != slot:
            if before is not None:
                old = slots.get(before[0])
                new = before[1] if old is None else float(old) + 0.3 * (before[1] - float(old))
                slots[before[0]] = np.float32(new)
            before = (slot, sum(here) / len(here)) if here else None
            slot, here = now, []
            near = [float(slots[(now + by) % 48]) for by in (-1, 0, 1) if (now + by) % 48 in slots]
            expected = sum(near) / len(near) if near else NAN
        seen.append(value)
        level = last_mean(seen, settings.level_of)
        signals = {
            "reconstruction": math.log(error + 3e-3),
            "level": level,
            "trend": last_mean(seen, settings.trend_of),
            "profile": NAN,
            "slow_profile": NAN,
        }
        nearer = {}
        slow_warming = True
        if math.isnan(expected):
            differences, tens, ten = [], [], []
        else:
            slow_warming = warm_count < settings.min_count or (
                warm_count < settings.warmup
                and (math.isnan(warm_from) or time - warm_from < settings.warmup_seconds)
            )
            if math.isnan(warm_from):
                warm_from = time
            warm_count += 1
            differences.append(value - expected)
            ten.append(value - expected)
            if len(ten) == 10:
                tens.append(sum(ten) / 10)
                ten = []
            signals["profile"] = last_mean(differences, 20)
            if tens:
                signals["slow_profile"] = last_mean(tens, tens_wanted)
            nearer = {"profile": last_mean(differences, 3), "slow_profile": signals["profile"]}
        nearer["trend"] = level
        scores, zs, over = [], {}, {}
        for name in names:
            own, signal = past[name], signals[name]
            z = NAN if name in ("profile", "slow_profile") and slow_warming else own.z(signal)
            zs[name], over[name] = z, z > own.limit
            own.armed |= z <= own.limit
            if math.isnan(z):
                continue
            score = z / own.limit
            if own.two_sided:
                far, close = signal - own.mean, nearer.get(name, signal) - own.mean
                if not (close * far > 0 and abs(close) >= 0.4 * abs(far)):
                    score = min(score, 0.0)
            scores.append(score if own.armed else min(score, 0.0))
        if not warming and high >= low:
            margin = max(0.1, 1.5 * growth) * max(high - low, 1e-12)
            beyond = {1: (level - high) / max(margin, above), -1: (low - level) / max(margin, below)}
            scores.append(max(by for side, by in beyond.items() if rule.side in (0, side)))
        usual_value = expected + past["profile"].mean
        if not counts(rule, value, past["level"].mean if math.isnan(usual_value) else usual_value):
            scores = [min(score, 0.0) for score in scores]
        z = (value - past["level"].mean) / past["level"].sigma
        slow = cycles.score(z, usual, warming=warming)
        if not warming and not math.isnan(slow):
            scores.append(slow)
        run = run + 1 if at and value == values[at - 1] else 0
        if warming:
            new_longest = max(new_longest, run)
        else:
            at_an_end = value <= low or value >= high
            score = run / (stuck_limit * (3.0 if at_an_end else 1.0))
            scores.append(score + 1.0 if score > 1 else score)
            new_longest = max(new_longest, min(run, 1.5 * stuck_limit / 3))
        best = min(max(scores, default=NAN), 1000.0)
        opened = closed = False
        if best > 1:
            excess, calm = excess + min(best - 1, 1.0), 0
        else:
            excess = 0.0
        if is_open:
            age += 1
            calm = calm + 1 if not best > 1 else 0
            closed = calm >= incidents.close_after
        elif best > 1 and excess >= excess_wanted:
            is_open = opened = True
            age, calm, began, inner = 0, 0, time, [math.inf, -math.inf]
            for own in past.values():
                own.worst = None
        if closed:
            is_open = False
            passed = age - calm < settings.short
            for name, own in past.items():
                if own.worst is not None:
                    own.top = larger(own.top, own.worst if passed else min(own.worst, own.limit))
                own.armed &= not over[name]
            if passed:
                new_low, new_high = min(new_low, inner[0]), max(new_high, inner[1])
        assert not (is_open and time - began > incidents.regime_change_after)
        if is_open:
            inner = [min(inner[0], level), max(inner[1], level)]
        if not is_open or warming:
            here.append(value)
            if not best > 1 or warming:
                new_low, new_high = min(new_low, level), max(new_high, level)
        for name, own in past.items():
            slow = name in ("profile", "slow_profile")
            own.learn(signals[name], zs[name], is_open and not (slow_warming if slow else warming))
        del opened
        full = (at + 1) % settings.block == 0
        if full or at + 1 in settings.early:
            for own in past.values():
                own.refresh(full)
            width = max(high - low, 0.0)
            low, high = min(low, new_low), max(high, new_high)
            if full and high > low:
                growth = growth * (1 - 1 / 3) + 1 - width / (high - low)
            day_low, day_high = min(day_low, new_low), max(day_high, new_high)
            if time - dawn >= 0.95 * 86_400:
                if day_low <= day_high:
                    lows, highs = [*lows, day_low], [*highs, day_high]
                dawn, day_low, day_high = time, math.inf, -math.inf
            dawn = time if math.isnan(dawn) else dawn
            if len(lows) >= 5:
                below = low - (float(np.mean(lows)) - 2.5 * float(np.std(lows)))
                above = float(np.mean(highs)) + 2.5 * float(np.std(highs)) - high
            new_low, new_high = math.inf, -math.inf
            usual = (
                sum(pauses) / len(pauses)
                if math.isnan(usual)
                else usual + 0.2 * (sum(pauses) / len(pauses) - usual)
            )
            pauses = []
            cycles.refresh(usual)
            tens_wanted = min(max(math.ceil(5400 / (10 * usual)), 4), 9)
            excess_wanted = incidents.excess * min(max(60 / usual, 0.3), 1.0)
            longest, new_longest = max(longest, new_longest), 0.0
            stuck_limit = max(3 * longest, 20.0)
        found.append((best, is_open))
    return found
