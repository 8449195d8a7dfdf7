"""Recorded data run through the live detector: verdicts, incidents, and how they compare with the labels."""

from __future__ import annotations

from streamdetect.offline.backtest.evaluation import Counts, Evaluation, evaluate
from streamdetect.offline.backtest.results import Incident, SensorResult
from streamdetect.offline.backtest.running import backtest
from streamdetect.offline.backtest.summary import Summary, summarise

__all__ = ["Counts", "Evaluation", "Incident", "SensorResult", "Summary", "backtest", "evaluate", "summarise"]
