"""What ships, in a real browser: an experiment of the gallery opens at once in the lab."""

import pytest
from playwright.sync_api import Page, expect

from core.storage import gallery
from tests.browser.server import shown

pytestmark = pytest.mark.browser

ENTRY = gallery.entries()[2]


def test_an_experiment_opens_at_once_in_the_lab(page: Page, address: str) -> None:
    page.goto(f"{address}/gallery")
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    expect(shown(page, "are not stored here")).to_have_count(0)
    for title in gallery.GROUPS:
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.locator(f".st-key-open-{ENTRY.spec.hash}").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    expect(shown(page, "Already computed: the result is beside.")).to_be_visible()
    expect(page.locator(".st-key-ask-attack input")).to_have_value("Feature-targeted, decoded images")
    page.wait_for_url(f"{address}/lab?attack=ft-decoder")
    page.go_back()
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
