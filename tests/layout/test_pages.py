"""The commands in the pages for contributors run, and the files they name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "streamdetect/README.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
    "tests/cookbook/README.md",
    "README.md",
)


def test_the_detector_is_embedded_as_the_page_says(capsys):
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / PAGES[0]).read_text(), re.DOTALL | re.MULTILINE)
    exec(compile(block, PAGES[0], "exec"), {})  # noqa: S102 - our own page
    said = re.fullmatch(r"(\d+) verdicts, \d+ anomalous\n(.|\n)*", capsys.readouterr().out)
    assert said
    assert int(said[1]) > 400


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for path in re.findall(r"`((?:tests|deploy|\.github|\.ci)/[\w./-]+)`", without_blocks):
        assert (ROOT / path).exists(), path


def test_every_room_has_its_line():
    text = (ROOT / PAGES[0]).read_text()
    rooms = {path.parent.name for path in (ROOT / "streamdetect").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
