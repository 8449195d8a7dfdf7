"""Write a made-up recording of a freezer as CSV: six days of minutes; on the last its door is left ajar."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta

import numpy as np

DAY = 24 * 60
CYCLE = 40  # minutes from one start of the compressor to the next
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)

random = np.random.default_rng(7)
minute = np.arange(6 * DAY)
compressor = np.abs(minute / CYCLE % 1 * 2 - 1)
day = np.sin((minute / DAY - 0.4) * 2 * np.pi)
left_ajar = minute - (5 * DAY + 13 * 60)
ajar = np.where(left_ajar < 4 * 60, np.clip(left_ajar / 180, 0, 1), np.exp((4 * 60 - left_ajar) / 30))
values = -20 + 2 * compressor + 0.4 * day + 6 * np.where(left_ajar < 0, 0, ajar)
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(("time", "temperature"))
for at, value in zip(minute.tolist(), values + random.normal(0, 0.15, len(minute)), strict=True):
    table.writerow((f"{BEGIN + timedelta(minutes=at):%Y-%m-%dT%H:%M:%SZ}", f"{value:.2f}"))
