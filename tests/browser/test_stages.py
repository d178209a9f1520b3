"""The walk through the stages in a real browser: a link to a step, the arrow keys, and playing."""

import pytest
from playwright.sync_api import Page, expect

from core.presentation.stages import shown_steps
from core.storage import gallery
from core.storage.runs import load
from core.system.paths import GALLERY
from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = pytest.mark.browser

PUBLISHED = next(entry.spec.hash for entry in gallery.entries() if "as published" in entry.title)
STEPS = [step.stage for step in shown_steps(load(GALLERY / PUBLISHED).summary)]


def test_a_link_opens_a_step_and_the_keys_move_it(page: Page, address: str) -> None:
    page.goto(f"{address}/stages?run={PUBLISHED}&step=3")
    expect(page.get_by_role("heading", name="1 · Target head")).to_be_visible()
    expect(page.locator(".st-key-trajectory-axis .main-svg").first).to_be_visible()
    expect(page.locator(".katex").first).to_be_visible()
    expect(shown(page, "There are no poisoned samples yet")).to_be_visible()
    page.locator(".st-key-trajectory-step").get_by_role("slider").press("End")
    expect(page.get_by_role("heading", name="Poisoned set")).to_be_visible()
    expect(page.get_by_alt_text("Poisoned image labelled").first).to_be_visible()
    page.wait_for_url(lambda url: f"step={len(STEPS) - 1}" in url)


def test_it_plays_by_itself_until_it_is_stopped(page: Page, address: str) -> None:
    last = STEPS.index("stage2") - 1
    page.goto(f"{address}/stages?run={PUBLISHED}&step={last}")
    expect(page.get_by_role("heading", name="1 · Target head")).to_be_visible()
    toggle = page.locator(".st-key-trajectory-play").get_by_text("Play")
    toggle.click()
    expect(page.get_by_role("heading", name="2 · Poisoned features")).to_be_visible(timeout=app_server.PAGE_MS)
    expect(shown(page, "Diamonds are the poisoned samples")).to_be_visible()
    toggle.click()
    page.wait_for_url(lambda url: f"step={last}" not in url)
