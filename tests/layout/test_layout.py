"""The house: which room may import which, and who alone may import what is large."""

import ast
import importlib.util
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from imports import Imports, cycle, floors, room

ROOT = Path(__file__).parents[2]
ORDER = (
    *("__init__", "errors", "failpoints", "times", "logs", "metrics"),
    *("core", "codecs", "bundles", "config", "mqtt", "store", "sinks", "monitoring", "page", "service"),
    *("top", "training", "offline", "demo", "spark", "commands"),
    *("cli", "__main__"),
)
"""Each room imports rooms before it, and none after."""
RUNNING = ("core", "codecs", "config", "bundles", "mqtt", "store", "sinks", "monitoring", "service", "page")
NEVER = {
    **{name: {"training", "offline", "demo", "top", "commands"} for name in RUNNING},
    "core": set(ORDER) - {"core"},
    "codecs": set(ORDER) - {"core", "errors", "times"},
}
ONLY = {
    "argparse": ("streamdetect.commands.*", "streamdetect.cli"),
    "tensorflow": ("streamdetect.bundles.tensorflow",),
    "keras": ("streamdetect.bundles.tensorflow",),
    "onnx": ("streamdetect.training.*",),
    "tf2onnx": ("streamdetect.training.*",),
    "onnxruntime": ("streamdetect.bundles.runtime",),
    "openvino": ("streamdetect.bundles.openvino",),
    "paho": ("streamdetect.mqtt.*", "streamdetect.codecs.router", "streamdetect.demo.*"),
    "sqlite3": ("streamdetect.store.*",),
    "matplotlib": ("streamdetect.offline.*", "streamdetect.sinks.picture"),
    "pyspark": ("streamdetect.spark.*",),
    "nats": ("streamdetect.spark.nats",),
    "confluent_kafka": ("streamdetect.spark.kafka",),
    "plotly": ("streamdetect.offline.*",),
    "starlette": ("streamdetect.page.*",),
    "uvicorn": ("streamdetect.page.*",),
}
"""A package from elsewhere, and the modules that may name it."""
OUTSIDE = {
    *("asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "queue"),
    *(
        "random",
        "select",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
    ),
}
"""What has a clock, a thread, a queue, a socket, a file or a logger; and random numbers without a seed."""
MOST_AT_THE_ROOT = 8


@pytest.fixture(scope="module")
def imports():
    return Imports(ROOT)


def test_no_module_imports_itself_by_a_detour(imports):
    assert cycle(imports.modules) == []


def test_every_arrow_points_down(imports):
    rooms = imports.rooms()
    assert set(rooms) <= set(ORDER), "a new room needs its place in ORDER"
    places = {name: at for at, name in enumerate(ORDER)}
    upward = [(name, above) for name, its in rooms.items() for above in its if places[above] >= places[name]]
    assert upward == []
    assert max(floors(rooms).values()) < len(rooms)


def test_what_runs_never_imports_what_trains_or_looks_back(imports):
    rooms = imports.rooms()
    assert {
        name: rooms[name] & never for name, never in NEVER.items() if rooms.get(name, set()) & never
    } == {}


def test_what_is_large_is_imported_in_one_place(imports):
    strays = [
        (module, package)
        for module, packages in imports.others.items()
        for package in packages & set(ONLY)
        if not any(fnmatch(module, allowed) for allowed in ONLY[package])
    ]
    assert strays == []


def test_the_core_is_numpy_alone(imports):
    named = set().union(*(its for module, its in imports.others.items() if room(module) == "core"))
    assert named - sys.stdlib_module_names == {"numpy"}
    assert named & OUTSIDE == set()


def test_the_root_is_a_table_of_contents():
    assert len(list((ROOT / "streamdetect").glob("*.py"))) <= MOST_AT_THE_ROOT


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [("import streamdetect.b", "import streamdetect.a", True), ("from . import b", "", False)],
)
def test_a_cycle_is_seen(tmp_path, a, b, found):
    (tmp_path / "streamdetect").mkdir()
    (tmp_path / "streamdetect" / "a.py").write_text(a)
    (tmp_path / "streamdetect" / "b.py").write_text(f"if TYPE_CHECKING:\n    {b or 'pass'}\n")
    imports = Imports(tmp_path)
    assert imports.modules["streamdetect.a"] == {"streamdetect.b"}
    assert bool(cycle(imports.modules)) is found
    assert bool(cycle(imports.rooms())) is found


@pytest.mark.parametrize("folder", ["tests/bench", "tests/faults", "deploy"])
def test_what_no_test_imports_names_what_is_there(folder):
    wanted = {
        (node.module, alias.name)
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "streamdetect"
        for alias in node.names
    }
    assert wanted
    gone = [(module, name) for module, name in wanted if not _is_there(module, name)]
    assert gone == []


def _is_there(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name) or bool(
        importlib.util.find_spec(f"{module}.{name}")
    )
