"""Streaming anomaly detection for live sensor data.

The names for notebooks and for programs that embed the detector; `__init__.pyi` has the types. Each name is
imported when it is first used, so that `import streamdetect` costs next to nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_HOMES = {
    "Bundle": ("bundles.bundle", "Bundle"),
    "Config": ("config", "Config"),
    "Daemon": ("service.daemon", "Daemon"),
    "Detector": ("core.detector", "Detector"),
    "Incident": ("offline.backtest", "Incident"),
    "Judgement": ("offline.judgement", "Judgement"),
    "Readings": ("core.readings", "Readings"),
    "Recording": ("offline.recordings", "Recording"),
    "StreamdetectError": ("errors", "StreamdetectError"),
    "Verdicts": ("core.verdicts", "Verdicts"),
    "judge": ("offline.judgement", "judge"),
    "load_config": ("config", "load"),
    "make_detector": ("service.assembly", "make_detector"),
    "read_csv": ("offline.frames", "read_csv"),
    "read_frame": ("offline.frames", "read_frame"),
}
"""Names: the module below this one, and the name there."""

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all of them are text


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'streamdetect' has no attribute {name!r}")
    module, own = _HOMES[name]
    globals()[name] = found = getattr(importlib.import_module(f"streamdetect.{module}"), own)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
