"""Defences in a real browser, judged by a real worker."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import shown

pytestmark = pytest.mark.browser

RUN_MS = 120_000
SMALL = "attack=label-flip&train=200&test=50&budget=10"

HOVER_AND_PRESS = """([over, button]) => {
  over.dispatchEvent(new PointerEvent("pointerenter"));
  button.click();
}"""


def press_in_the_turn_of_a_hover(page: Page) -> None:
    """Evaluate all defences as the map asks for its images: what a busy browser makes of a quick hand."""
    over = page.locator(".st-key-defend-map .over").element_handle()
    button = page.get_by_role("button", name=re.compile("^Evaluate ")).element_handle()
    page.evaluate(HOVER_AND_PRESS, [over, button])


def test_a_run_is_defended(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?{SMALL}")
    page.locator(".st-key-run button").click()
    expect(shown(page, re.compile("On 50 test images"))).to_be_visible(timeout=RUN_MS)
    page.get_by_role("link", name="Defend").last.click()
    expect(page.get_by_role("heading", name="Defend", exact=True)).to_be_visible()
    expect(shown(page, "Poison detected")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(re.compile(r"\d+ of 20"))
    page.locator(".st-key-defend-with").get_by_text("Trimmed head", exact=True).click()
    page.wait_for_url(lambda url: "with=sphere%2Ctrim" in url)
    expect(page.get_by_role("table").get_by_text("Trimmed head")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".st-key-defend-map .over")).to_be_visible()
    press_in_the_turn_of_a_hover(page)
    expect(page.locator(".st-key-defend-each-bars").get_by_text("Label issues")).to_be_visible(timeout=RUN_MS)
    expect(shown(page, re.compile("of 9 evaluated"))).to_have_count(0)
