"""Checks of the page's scripts: types from JSDoc, lint, format, translations."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from streamdetect.core.faults import Fault
from streamdetect.core.incidents import Direction, Reason
from streamdetect.core.rules import VIEWS

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "streamdetect" / "page" / "static"


@pytest.fixture
def node():
    """Run a tool of package.json; returns its output and its exit status."""
    if shutil.which("node") is None:
        pytest.skip("no node on PATH")
    if not (HERE / "node_modules").exists():
        pytest.skip("tests/page/node_modules is missing: npm ci --prefix tests/page")

    def run(*command):
        return subprocess.run(
            (HERE / "node_modules" / ".bin" / command[0], *command[1:]),
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_types_fit(node):
    done = node("tsc", "--project", ".")
    assert done.returncode == 0, done.stdout


def test_scripts_and_styles_are_clean(node):
    done = node("biome", "check", "--config-path", ".", "--error-on-warnings", STATIC)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_read_as_html_or_code():
    for script in STATIC.glob("*.js"):
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function",
            script.read_text(),
        )
        assert found is None, (script.name, found)


def test_every_word_is_used():
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js") if path.name not in {"en.js", "de.js"})
    grouped = set(re.findall(r'named\("(\w+)"', scripts)) | {"sort", "theme", "done", "answered"}
    for word in re.findall(r"^  (\w+):", (STATIC / "en.js").read_text(), re.MULTILINE):
        named = "_" in word and word.split("_")[0] in grouped
        assert named or re.search(rf'"{word}"', scripts), word


def test_every_language_has_the_same_places():
    tables = [
        dict(re.findall(r'^  (\w+): *\n? *"(.*)",$', (STATIC / f"{name}.js").read_text(), re.MULTILINE))
        for name in ("en", "de")
    ]
    assert tables[0].keys() == tables[1].keys()
    for word, text in tables[0].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", tables[1][word])), word


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("view", VIEWS),
        ("kind", get_args(Fault)),
        ("direction", get_args(Direction)),
        ("reason", get_args(Reason)),
    ],
)
def test_every_name_of_the_daemon_has_a_text(group, names, language):
    table = (STATIC / f"{language}.js").read_text()
    for name in filter(None, names):
        assert f"  {group}_{name}:" in table
