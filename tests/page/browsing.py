"""A browser for tests: it opens pages, clicks, reads, takes pictures and keeps what the console says."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

PATIENCE = 60  # s; it only ends a failed test
HIGHEST = 6000  # px of a picture


class Browsing:
    """A browser at the pages of one daemon."""

    def __init__(self, driver: Chrome, url: str, pictures: Path) -> None:
        self.driver, self.url, self._pictures = driver, url, pictures
        self._complaints: list[str] = []
        self._strangers: list[str] = []

    def reset(self) -> None:
        """Forget the settings, the login and the messages of the console."""
        self.open("about")
        self.driver.delete_all_cookies()
        self.driver.execute_script("localStorage.clear()")
        self.look(1440)
        self.complaints()
        self.strangers()

    def look(self, width: int, theme: str = "light") -> None:
        """Set the width of the screen and the theme of the system."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, address: str = "", shown: str = "main h1") -> None:
        """Open a page, and wait until it shows something."""
        self.driver.get(self.url + address)
        self.see(shown)

    def all(self, selector: str) -> list[WebElement]:
        """All elements that match a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def see(self, selector: str, text: str = "") -> WebElement:
        """Wait for a visible element with this text."""
        return self.wait(
            lambda: next(
                (one for one in self.all(selector) if one.is_displayed() and text in one.text), None
            ),
            f"{selector} with {text!r}",
        )

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something has happened."""

        def told(_: Any) -> Any:
            return condition()

        renewed = [StaleElementReferenceException]  # the page put another in its place
        return WebDriverWait(self.driver, PATIENCE, 0.05, renewed).until(told, f"never seen: {what}")

    def click(self, selector: str, text: str = "") -> None:
        """Click on the element with this text."""
        self.wait(lambda: self.see(selector, text).click() or True, f"a click on {selector}")

    def type(self, selector: str, *keys: str) -> None:
        """Replace the text of a field."""
        field = self.see(selector)
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
        field.send_keys(*keys)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that match a selector, at one moment."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
        return list(self.driver.execute_script(script, selector))

    def overflow(self) -> list[str]:
        """The elements that are wider than the screen, without those that scroll."""
        return list(self.driver.execute_script(_OVERFLOW))

    def picture(self, name: str, highest: int = HIGHEST) -> Path:
        """Save a picture of the whole page, or of so many pixels from its top."""
        width, height = self.driver.execute_script(
            "return [innerWidth, document.documentElement.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, highest), "scale": 1}
        options = {"captureBeyondViewport": True, "clip": clip}
        path = self._pictures / f"{name}.png"
        path.write_bytes(
            base64.b64decode(self.driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
        )
        return path

    def complaints(self) -> list[str]:
        """Return the console's messages since the last call."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        self._listen()
        return said

    def strangers(self) -> list[str]:
        """The requests to other hosts since the last call."""
        self._listen()
        found, self._strangers = self._strangers, []
        return found

    def _listen(self) -> None:
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked = message["params"]["request"]["url"]
                if not asked.startswith((self.url, "data:", "about:")):
                    self._strangers.append(asked)


_OVERFLOW = """
return [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .filter((one) => one.checkVisibility() && !one.closest("pre, .picture, .unseen, thead, .skip"))
  .map((one) => one.outerHTML.slice(0, 120));
"""
