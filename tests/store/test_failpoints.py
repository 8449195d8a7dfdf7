"""Failpoints do what they are asked to, and otherwise nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from streamdetect.failpoints import VARIABLE, Failpoints

CODE = f"""
import os
from streamdetect.failpoints import Failpoints
fail = Failpoints({{"{VARIABLE}": "a@2=kill,b=0"}})
for name in "abcb":
    fail(name)
print("alive", flush=True)
fail("a")
print("never")
"""


def test_the_second_passage_kills():
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert ended.stdout == "alive\n"
    assert ended.returncode == -signal.SIGKILL


def test_nothing_happens_unasked(monkeypatch):
    monkeypatch.setattr("streamdetect.failpoints.time.sleep", pytest.fail)
    for environment in ({}, {VARIABLE: ""}, {VARIABLE: "other=1"}):
        Failpoints(environment)("score")


def test_a_stall_lasts_from_its_first_time_on(monkeypatch, caplog):
    slept = []
    monkeypatch.setattr("streamdetect.failpoints.time.sleep", slept.append)
    fail = Failpoints({VARIABLE: "score@2=0.5"})
    for _ in range(3):
        fail("score")
    assert slept == [0.5, 0.5]
    assert caplog.text.count("failpoint score reached") == 2
