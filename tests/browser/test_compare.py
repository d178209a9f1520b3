"""Finished runs side by side and told in steps, in a real browser: links on a fresh server, keys, small screens."""

import pytest
from playwright.sync_api import Page, expect

from core.storage import gallery
from tests.browser import server as app_server
from tests.browser.server import Tabs, shown

pytestmark = pytest.mark.browser

MATCHED, DECODED = (entry.spec.hash for entry in gallery.entries()[1:3])
TOO_WIDE = (
    "[...document.querySelectorAll('[data-testid=stMainBlockContainer] *')]"
    ".filter(e => e.getBoundingClientRect().right > 402 && e.offsetParent)"
    ".filter(e => !e.closest('table')).map(e => e.className)"  # a table is scrolled in its own frame
)


def test_link_to_two_runs_is_the_first_page_of_a_fresh_server(page: Page, fresh_address: str) -> None:
    page.goto(f"{fresh_address}/compare?runs={DECODED},{MATCHED}&view=map")
    expect(page.get_by_role("heading", name="Compare runs")).to_be_visible()
    expect(shown(page, "They differ in attack (A: Feature-targeted, decoded images;")).to_be_visible()
    expect(shown(page, "A and B share the same clean features")).to_be_visible()
    page.get_by_role("radio", name="Confusion").click()
    expect(page.locator(".js-plotly-plot .heatmaplayer").first).to_be_visible()
    page.wait_for_url(lambda url: "view=confusion" in url)
    expect(shown(page, "Not stored by this older run")).to_have_count(0)


def test_runs_are_searched_and_the_link_follows(page: Page, address: str) -> None:
    page.goto(f"{address}/compare?runs={MATCHED},{DECODED}")
    expect(shown(page, "They differ in attack")).to_be_visible()
    box = page.locator(".st-key-pick-0").get_by_role("combobox")
    box.click()
    box.fill("decoded")
    expect(page.get_by_role("option").first).to_contain_text("decoded")
    page.keyboard.press("Enter")
    # The two change places: no run is lost, and none comes that nobody has asked for.
    page.wait_for_url(lambda url: url.endswith((f"{DECODED}%2C{MATCHED}", f"{DECODED},{MATCHED}")))


def test_the_lab_leads_to_its_run_and_back(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?attack=ft-decoder")
    page.get_by_test_id("stMain").get_by_role("link", name="Compare").click()
    page.wait_for_url(lambda url: "/compare?" in url and f"runs={DECODED}" in url)
    expect(shown(page, "They differ in attack")).to_be_visible()
    page.get_by_role("button", name="Open in the lab").first.click()
    page.wait_for_url(f"{address}/lab?attack=ft-decoder")
    expect(shown(page, "Already computed")).to_be_visible()


def test_link_to_a_step_has_no_sidebar_and_obeys_the_arrow_keys(page: Page, address: str) -> None:
    page.goto(f"{address}/present?run={MATCHED}&step=4")
    expect(shown(page, "4 of 6")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    expect(page.locator(".slide .bars")).to_be_visible()  # the keys are heard once the page stands
    app_server.settled(page)
    page.keyboard.press("ArrowRight")
    expect(shown(page, "5 of 6")).to_be_visible()
    app_server.settled(page)
    page.keyboard.press("ArrowLeft")
    expect(shown(page, "4 of 6")).to_be_visible()
    page.wait_for_url(f"{address}/present?run={MATCHED}&step=4")
    page.go_back()
    expect(shown(page, "5 of 6")).to_be_visible()


def test_the_sidebar_is_back_in_the_lab(page: Page, address: str) -> None:
    page.goto(f"{address}/present?run={DECODED}")
    page.get_by_role("button", name="Lab", exact=True).click()
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    expect(page.get_by_test_id("stTopNav").get_by_role("link", name="Lab")).to_be_visible()
    expect(page.locator(".st-key-ask-attack")).to_be_visible()


@pytest.fixture
def phone(tabs: Tabs) -> Page:
    return tabs.open(400, 900)


def test_compared_runs_are_not_wider_than_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/compare?runs={MATCHED},{DECODED}")
    phone.get_by_role("heading", level=1).wait_for()
    app_server.settled(phone)
    assert phone.evaluate(TOO_WIDE) == []


def test_no_step_is_wider_than_a_phone(phone: Page, address: str) -> None:
    for step in range(1, 7):
        phone.goto(f"{address}/present?step={step}")
        shown(phone, f"{step} of 6").wait_for()
        phone.get_by_role("heading", level=1).wait_for()
        app_server.settled(phone)
        assert phone.evaluate(TOO_WIDE) == [], step
