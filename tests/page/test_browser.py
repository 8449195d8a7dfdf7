"""The pages in a real Chromium, with a real daemon that gets its readings from a real broker."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from page_house import SCRIPT
from selenium.webdriver.common.keys import Keys

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
FREEZER = "sensor?detector=house&sensor=kitchen%2Ffreezer&range=21600"


@pytest.fixture
def incident(house):
    (found,) = house.ask("incidents?q=freezer")["incidents"]
    return found


@pytest.fixture
def addresses(incident):
    """The address of each page, and an element that is there when the page is complete."""
    return {
        "sensors": ("", "tbody tr.anomalous"),
        "sensor": (FREEZER, ".picture canvas"),
        "incidents": ("incidents", "tbody tr.critical"),
        "groups": ("incidents?groups=1", ".group tbody tr"),
        "incident": (f"incident?id={incident['id']}", ".picture canvas"),
        "health": ("health", ".rejected li"),
        "about": ("about", "details"),
    }


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits(page, addresses, theme, width):
    page.look(width, theme)
    for name, (address, shown) in addresses.items():
        page.open(address, shown)
        page.picture(f"{name}-{width}-{theme}")
        assert page.overflow() == [], name


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_can_be_used_by_everybody(page, addresses, theme, width):
    if not AXE.exists():
        pytest.skip("no axe-core: npm ci --prefix tests/page")
    page.look(width, theme)
    for name, (address, shown) in addresses.items():
        page.open(address, shown)
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
        found = page.driver.execute_async_script("axe.run().then(arguments[0])")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == [], name


def test_what_matters_is_on_top(page):
    page.open("", "tbody tr")
    states = [text.split("Muted")[0] for text in page.texts("td.state")]
    assert states[:4] == ["Anomalous", "Anomalous", "Silent", "Warming up1 h 10 min to go"]
    assert set(states[4:]) == {"Normal"}
    freezer = page.see("tr.anomalous", "kitchen/freezer")
    for text in ("°C", "usually", "trend"):
        assert text in freezer.text


def test_sensors_are_searched_filtered_and_sorted(page):
    page.open("", "tbody tr")
    page.type("input[type=search]", "FRID")
    page.wait(lambda: page.texts("th.name a") == ["kitchen/fridge"], "only the fridge")
    page.type("input[type=search]", "")
    page.click(".chip", "Silent")
    page.wait(lambda: page.texts("th.name a") == ["cellar/pump"], "only the silent one")
    assert "state=silent" in page.driver.current_url
    page.click(".chip", "All")
    page.click("#detector option", "rooms")
    page.wait(lambda: len(page.texts("th.name a")) == 4, "only the rooms")
    page.click("thead th.name button")
    names = ["bath/humidity", "bath/temperature", "study/humidity", "study/temperature"]
    page.wait(lambda: page.texts("th.name a") == names, "by name")
    page.click("thead th.name button")
    page.wait(lambda: page.texts("th.name a") == names[::-1], "the other way round")
    assert page.see("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.driver.refresh()
    page.wait(lambda: page.texts("th.name a") == names[::-1], "the same at the same address")


def test_a_sensor_shows_its_band_and_views(page):
    page.open(FREEZER, ".picture canvas")
    assert "usually" in page.see(".readout").text
    assert {"level", "trend"} <= set(page.texts(".views th[scope=row]"))
    page.click(".chip", "1 h")
    page.wait(lambda: page.see(".chip[aria-pressed=true]").text == "1 h", "another range")
    assert "range=3600" in page.driver.current_url


def test_a_reading_is_drawn_when_it_comes(page, house):
    page.open("sensor?detector=house&sensor=kitchen%2Ffridge", ".picture canvas")
    page.see(".live", "Live")
    house.publish([("house/kitchen/fridge", {"value": 7.5, "time": house.end + 30})])
    page.see(".readout", "7.5 °C")


def test_an_alarm_is_muted_and_answered(page, house, incident):
    page.open(FREEZER, ".actions button")
    page.click(".actions button", "Mute")
    page.type("dialog input[name=token]", "guessed", Keys.ENTER)
    page.see("dialog .wrong", "This token, name or password is wrong.")
    complaints = page.complaints()
    assert all("401" in said for said in complaints), complaints  # a browser notes every refusal
    page.type("dialog input[name=token]", house.token, Keys.ENTER)
    page.see(".toast", "kitchen/freezer is muted.")
    page.see("p.state", "Muted until")
    page.picture("muted")
    page.click(".actions button", "Unmute")
    page.see(".actions button", "Mute")
    page.type(".actions input", "2")
    page.click(".actions button", "Set")
    page.see(".toast", "is now 2.0")
    page.see(".told", "sensitivity 2.0")
    page.open(f"incident?id={incident['id']}", ".actions button")
    page.click(".actions button", "Real alarm")
    page.see("button[aria-pressed=true]", "Real alarm")
    assert house.ask(f"incidents/{incident['id']}")["label"] == "true"
    page.open("incidents", "tbody tr")
    page.click("select option", "Real alarm")
    page.wait(lambda: len(page.texts("tbody tr")) == 1, "the one that was answered")
    page.click(".tools button", "Log out")
    page.see(".tools button", "Log in")


WITHOUT_A_PAST = """
const ask = window.fetch;
window.fetch = async (...given) => {
  const answer = await ask(...given);
  if (!String(given[0]?.url ?? given[0]).includes("/series?")) return answer;
  return new Response(JSON.stringify({...await answer.json(), times: [], features: [], scores: {}}));
};
window.EventSource = class extends EventTarget { close() {} };  // a reading that comes begins another
"""


def test_an_incident_shows_its_own_readings_where_the_past_is_gone(page, house, incident):
    assert len(house.ask(f"incidents/{incident['id']}")["readings"]["times"]) > 10
    script = {"source": WITHOUT_A_PAST}
    patched = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        page.open(FREEZER)
        page.see("p.dim", "No readings are kept for this time.")
        assert [one for one in page.all(".picture canvas") if one.is_displayed()] == []
        page.open(f"incident?id={incident['id']}", ".picture canvas")
        assert len(page.all(".picture canvas")) == 1
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", patched)


def test_incidents_are_filtered_and_grouped(page):
    page.open("incidents", "tbody tr")
    everything = len(page.texts("tbody tr"))
    page.click(".chip", "Closed")
    page.wait(lambda: 0 < len(page.texts("tbody tr")) < everything, "fewer")
    assert all("back to normal" in text for text in page.texts("th.name a[lang]"))
    page.click(".chip", "All")
    page.type("input[type=search]", "freezer")
    page.wait(lambda: len(page.texts("tbody tr")) == 1, "the freezer's")
    page.type("input[type=search]", "")
    page.click(".chip", "Group related")
    page.see(".group")
    page.click("th.name a", "kitchen/freezer")
    page.see("h1", "kitchen/freezer")
    assert {"opened", "updated"} <= set(page.texts(".course b"))


def test_rejected_messages_are_shown_with_a_sample(page):
    page.open("health", ".rejected li")
    assert SCRIPT in page.texts("pre")
    assert "value" in page.texts(".rejected code")


def test_what_a_sensor_sends_stays_text(page, addresses):
    hostile = quote(f"hall/{quote(SCRIPT)}")
    for address, shown in [
        *addresses.values(),
        (f"sensor?detector=house&sensor={hostile}", ".picture canvas"),
    ]:
        page.open(address, shown)
        assert page.driver.title != "hit"
        assert page.all("main img") == []


def test_the_page_is_used_by_keyboard(page, house):
    page.open("", "tbody tr")
    body = page.all("body")[0]
    body.send_keys(Keys.TAB)
    first = page.driver.switch_to.active_element
    assert first.text == "Skip to the content"
    first.send_keys(Keys.ENTER)
    assert page.driver.switch_to.active_element.tag_name == "main"
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert "chip" in page.driver.switch_to.active_element.get_attribute("class")
    page.see("th.name button").send_keys(Keys.ENTER)
    page.see("th.name[aria-sort=ascending]")
    link = page.see("th.name a", "kitchen/freezer")
    page.driver.execute_script("arguments[0].focus()", link)
    house.publish([("house/attic/air", {"value": 19, "time": house.end + 30})])
    page.wait(lambda: ":30" in page.see("tbody tr", "attic/air").text, "rows that are brought up to date")
    assert page.driver.switch_to.active_element.text == "kitchen/freezer"


def test_languages_and_colours_are_chosen(page):
    page.open("", "tbody tr")
    page.click(".tools option", "Deutsch")
    page.see("h1", "Sensoren")
    assert page.all("html")[0].get_attribute("lang") == "de"
    page.picture("sensors-german")
    page.click(".tools option", "Dunkel")
    ground = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(16, 20, 24)"
    page.open("health")
    page.see("h1", "Zustand")
    assert page.driver.execute_script("return getComputedStyle(document.body).backgroundColor") == ground


def test_a_page_is_printed(page):
    page.open(FREEZER, ".picture canvas")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    page.picture("print")
    assert not page.see("body").find_element("css selector", ".tools").is_displayed()
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_policy_allows_nothing_else(page, house):
    page.open("", "tbody tr")
    refused = page.driver.execute_script(
        "const script = document.createElement('script'); script.textContent = 'window.hit = 1';"
        "document.body.append(script); return window.hit"
    )
    assert refused is None
    assert all("Content Security Policy" in said for said in page.complaints())
    assert json.dumps(house.ask("session")).count("/up/stream") == 1


def test_a_daemon_that_is_gone_is_said(page, house):
    page.open("", "tbody tr")
    page.see(".live", "Live")
    house.stop()
    page.see(".live", "Reconnecting")
    page.see(".notice", "does not answer")
    page.driver.get("about:blank")  # it would go on asking, and the browser notes each refusal
    page.complaints()
