"""A house, its daemon and a browser, shared by all tests of the page."""

import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import page_house as made_up
from browsing import Browsing


@pytest.fixture(scope="module")
def _utc():
    """Have a browser show times of day in UTC, whatever zone this machine is in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        yield


@pytest.fixture(scope="module")
def pictures(request, tmp_path_factory):
    """The folder for pictures of the pages."""
    chosen = request.config.getoption("--pictures")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A house with some hours judged: two incidents open, two closed, one sensor silent, one warming up."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with made_up.House(tmp_path_factory.mktemp("house")) as house:
        house.end = time.time() // 60 * 60 - 60
        house.publish(made_up.life(house.end))
        house.publish(made_up.BAD)
        house.judged("kitchen/freezer", house.end)
        house.kept("kitchen/freezer", house.end)
        yield house


@pytest.fixture(scope="module")
def browsing(house, pictures, _utc):
    """One browser for all tests."""
    try:
        driver = made_up.browser()
    except LookupError as error:
        pytest.skip(str(error))
    with driver:
        yield Browsing(driver, house.url, pictures)


@pytest.fixture
def page(browsing):
    """The browser with a wide screen, in English, light, logged out; a test must leave no console message."""
    browsing.reset()
    yield browsing
    assert browsing.complaints() == []
    assert browsing.strangers() == []
