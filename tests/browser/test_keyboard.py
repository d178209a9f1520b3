"""The app without a mouse: everything that a person has to reach is reached by Tab, and works by keys alone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import server as app_server
from tests.browser.server import settled, shown, still

pytestmark = pytest.mark.browser

MOST_TABS = 120
MOST_PAGES = 12
RUN_MS = 120_000
FOCUSED = "element => element === document.activeElement"
MARGIN = 8


def picture(page: Page, wanted: Locator) -> bytes:
    """An element and what is close around it."""
    still(page)
    box = wanted.bounding_box()
    assert box
    left, top = max(0.0, box["x"] - MARGIN), max(0.0, box["y"] - MARGIN)
    width, height = box["width"] + 2 * MARGIN, box["height"] + 2 * MARGIN
    return page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})


def shows_focus(page: Page, wanted: Locator) -> bool:
    """Whether it looks otherwise with the focus than without; it has it before and afterwards."""
    focused = picture(page, wanted)
    wanted.evaluate("element => element.blur()")
    plain = picture(page, wanted)
    wanted.evaluate("element => element.focus()")
    return focused != plain


def tab_to(page: Page, wanted: Locator, *, shows: bool = True, key: str = "Tab") -> None:
    """Press Tab, or Shift+Tab, until an element has the focus, and see that it shows."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        page.keyboard.press(key)
        if wanted.evaluate(FOCUSED):
            assert not shows or shows_focus(page, wanted), "nothing shows where the focus is"
            return
    pytest.fail(f"{MOST_TABS} times Tab do not lead to {wanted}")


def test_an_experiment_is_set_up_and_run(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?attack=label-flip&train=100&test=50")
    expect(shown(page, "3 poisoned among 103 training images")).to_be_visible()
    settled(page)
    tab_to(page, page.locator(".st-key-ask-attack input"))
    page.keyboard.type("Noise")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "attack=noise" in url)
    tab_to(page, page.locator(".st-key-ask-budget").get_by_role("slider"))
    page.keyboard.press("ArrowRight")
    expect(shown(page, "4 poisoned among 104 training images")).to_be_visible()
    tab_to(page, page.get_by_test_id("stExpander").filter(has_text="Rules of the poison").locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator(".st-key-ask-constraint").get_by_role("radio", name="None"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_url(lambda url: "constraint=perturbation" in url)
    tab_to(page, page.locator(".st-key-ask-labels input"))
    page.keyboard.type("Random")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "labels=random" in url)
    settled(page)
    tab_to(page, page.locator(".st-key-run button"), key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(shown(page, re.compile(r"On 50 test images; 4 poisoned samples cost .+"))).to_be_visible(timeout=RUN_MS)


def test_pages_are_reached_from_the_navigation(page: Page, address: str) -> None:
    page.goto(f"{address}/lab")
    settled(page)
    tab_to(page, page.get_by_test_id("stTopNavSection").filter(has_text="Explore"))
    page.keyboard.press("Enter")
    stages = app_server.menu_item(page, "Stages")
    expect(stages).to_be_visible()
    for _ in range(MOST_PAGES):
        if stages.evaluate(FOCUSED):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stages", exact=True)).to_be_visible()


def test_the_walk_goes_by_arrow_keys(page: Page, address: str) -> None:
    page.goto(f"{address}/stages")
    settled(page)
    tab_to(page, page.locator(".st-key-trajectory-step").get_by_role("slider"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "step=1" in url)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "step=2" in url)


def test_a_point_is_pinned_from_the_table(page: Page, address: str) -> None:
    page.goto(f"{address}/features?map=pca")
    grid = page.locator(".st-key-features-table")
    expect(grid.get_by_test_id("data-grid-canvas")).to_be_visible()
    settled(page)
    canvas = grid.get_by_test_id("data-grid-canvas")
    tab_to(page, canvas, shows=False)  # its cells show the focus
    before = picture(page, canvas)
    page.keyboard.press("ArrowDown")
    assert picture(page, canvas) != before
    page.keyboard.press("Shift+Space")
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()


def test_a_prediction_is_made(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=gap")
    settled(page)
    choices = page.get_by_test_id("stMain").get_by_role("radiogroup").get_by_role("radio")
    tab_to(page, choices.first)
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Submit prediction"))
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stMain").get_by_text("You predicted: ")).to_be_visible()


def test_a_presentation_turns_by_arrow_keys(page: Page, address: str) -> None:
    page.goto(f"{address}/present")
    expect(shown(page, "1 of 6")).to_be_visible()
    settled(page)
    page.keyboard.press("ArrowRight")
    expect(shown(page, "2 of 6")).to_be_visible()
    settled(page)
    page.keyboard.press("ArrowLeft")
    expect(shown(page, "1 of 6")).to_be_visible()
