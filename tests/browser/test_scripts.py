"""What a busy browser hands over at once is done and shown, one after the other."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import settled, shown

pytestmark = pytest.mark.browser

RUN_MS = 120_000
# What is done at a press takes long, and the next press comes meanwhile.
PRESS_ALL = """(all) => {
  const busy = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  window.addEventListener("click", () => busy(15), {capture: true});
  for (const each of all) { each.click(); busy(3); }
}"""
# A field of the whole page is left by a press on a part of it.
LEAVE_AND_PRESS = """([field, target]) => {
  field.focus();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "4");
  field.dispatchEvent(new Event("input", {bubbles: true}));
  field.blur();
  target.click();
}"""


def opened(page: Page, url: str) -> None:
    page.goto(url)
    expect(shown(page, "On 1,000 test images").first).to_be_visible(timeout=RUN_MS)
    settled(page)


def test_folds_opened_at_once_are_all_filled(page: Page, address: str) -> None:
    opened(page, f"{address}/lab")
    folds = page.get_by_test_id("stMain").get_by_test_id("stExpander")
    folds.locator("summary").evaluate_all(PRESS_ALL)
    assert folds.count() > 1
    for fold in folds.all():
        expect(fold.get_by_test_id("stElementContainer").first).to_be_visible()


def test_a_field_that_is_left_by_a_press_is_told_before_it(page: Page, address: str) -> None:
    opened(page, f"{address}/lab")
    page.get_by_test_id("stSidebar").get_by_text("Sizes and seed").click()
    field = page.get_by_label("Seed", exact=True)
    fold = page.get_by_test_id("stMain").get_by_test_id("stExpander").first
    settled(page)
    page.evaluate(LEAVE_AND_PRESS, [field.element_handle(), fold.locator("summary").element_handle()])
    page.wait_for_url("**seed=4**")
    expect(fold.get_by_test_id("stElementContainer").first).to_be_visible()
