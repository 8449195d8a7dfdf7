"""Free memory and code that only the start ran go back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamdetect.service import memory

SCRIPT = """
import ctypes
from pathlib import Path
from streamdetect.service.memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
held = [libc.malloc(60_000) for _ in range(2000)]
for block in held:
    ctypes.memset(ctypes.c_void_p(block), 1, 60_000)
for block in held[:-1]:  # the last one keeps the top of the heap
    libc.free(block)
before = resident()
give_back()
print(before - resident())
"""


def test_what_is_free_in_the_middle_of_the_heap_goes_back():
    if memory._trim is None:
        pytest.skip("the C library here is not glibc")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100e6


def test_without_glibc_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setattr(memory, "_trim", None)
    memory.give_back()


CODE = """
from pathlib import Path
import numpy as np, onnxruntime
from streamdetect.service.memory import drop_code

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

before = resident()
drop_code()
print(before - resident())
assert (np.ones((50, 50)) @ np.ones((50, 50))).sum() == 125_000
onnxruntime.SessionOptions()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells where code is")
def test_code_leaves_memory_and_comes_back_when_it_runs():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5e6


def test_a_system_that_does_not_tell_where_code_is_keeps_it(monkeypatch):
    monkeypatch.setattr(memory.Path, "read_text", lambda _: (_ for _ in ()).throw(OSError))
    memory.drop_code()
