"""Where things stand on the lab's first screen: the experiment beside its result, without scrolling."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import server as app_server
from tests.browser.server import Tabs, shown

pytestmark = pytest.mark.browser

EXPERIMENT = (
    *(".st-key-ask-attack", ".st-key-ask-budget", ".st-key-budget-marks", ".st-key-ask-data"),
    *(".st-key-ask-extractor", ".st-key-run button"),
)
RESULT = (
    *(".st-key-story", ".st-key-lab-images", ".st-key-lab-map", ".st-key-lab-accuracy"),
    *(".st-key-before-after", ".st-key-lab-map .map canvas >> nth=0"),
)
FOLDS = ("Attack parameters", "Rules of the poison", "Sizes and seed", "What the attacker knows")
WIDTH, HEIGHT = 1366, 768
SETTLE_MS = 400
TRIES = 10
LONG = "attack=tgda-feature&steps=5000&train=400&test=50"
RUN_MS = 120_000
UNSCROLLED = """[...document.querySelectorAll('[data-testid=stMain], [data-testid=stSidebarContent]')]
    .every(element => element.scrollTop === 0)"""


def opened(tabs: Tabs, url: str, height: int) -> Page:
    page = tabs.open(WIDTH, height)
    page.goto(url)
    page.locator(".st-key-before-after .js-plotly-plot").wait_for()
    app_server.settled(page)
    return page


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None, selector
    return dict(found)


@pytest.mark.parametrize(
    ("height", "result"), [(768, RESULT), (640, (".st-key-story", ".st-key-before-after"))], ids=["768", "640"]
)
def test_experiment_and_result_fit_the_first_screen(
    tabs: Tabs, address: str, height: int, result: tuple[str, ...]
) -> None:
    page = opened(tabs, f"{address}/lab", height)
    below = {}
    for selector in (*EXPERIMENT, *result):
        place = box(page, selector)
        assert place["height"] > 10, selector
        if place["y"] < 0 or place["y"] + place["height"] > height or place["x"] + place["width"] > WIDTH:
            below[selector] = place
    assert below == {}
    assert page.evaluate(UNSCROLLED)


def test_the_result_is_beside_the_experiment_and_its_sentence_is_the_largest_text(tabs: Tabs, address: str) -> None:
    page = opened(tabs, f"{address}/lab", HEIGHT)
    tops = [box(page, f".st-key-lab-{name}")["y"] for name in ("images", "map", "accuracy")]
    assert max(tops) - min(tops) < 1
    sizes = page.evaluate(
        """() => Object.fromEntries(['.st-key-story p', '.st-key-lab-title h1', '.st-key-lab-map h3'].map(
            selector => [selector, parseFloat(getComputedStyle(document.querySelector(selector)).fontSize)]))"""
    )
    assert max(sizes, key=sizes.__getitem__) == ".st-key-story p"


def test_a_run_moves_nothing(tabs: Tabs, address: str) -> None:
    page = opened(tabs, f"{address}/lab?{LONG}", HEIGHT)
    folds = [f"[data-testid=stExpander]:has-text('{name}')" for name in FOLDS]
    # Nothing is computed; what the run reports and the words on its map stand in the places of these.
    absent = (".st-key-budget-marks", ".st-key-before-after", ".st-key-lab-map .map canvas >> nth=0")
    watched = [name for name in (*EXPERIMENT, *RESULT, *folds) if name not in absent]
    before = {selector: box(page, selector) for selector in watched}
    page.locator(".st-key-run button").click()
    expect(page.get_by_test_id("stSidebar").get_by_test_id("stProgress")).to_be_visible(timeout=RUN_MS)
    expect(shown(page, "Optimising poisoned features").first).to_be_visible(timeout=RUN_MS)
    app_server.settled(page)
    expect(page.locator(".st-key-lab-accuracy .st-key-so-far .js-plotly-plot").first).to_be_visible(timeout=RUN_MS)
    expect(shown(page, "Training images read right, %:").first).to_be_visible()
    during = {selector: box(page, selector) for selector in watched}
    page.get_by_role("button", name="Cancel").click()
    expect(shown(page, "The run was cancelled")).to_be_visible()
    moved = {name: during[name]["y"] - before[name]["y"] for name in watched}
    assert {name: by for name, by in moved.items() if abs(by) > 1} == {}


def test_a_select_box_that_the_window_cuts_opens_at_the_first_click(tabs: Tabs, address: str) -> None:
    page = opened(tabs, f"{address}/lab?attack=ft-matching", HEIGHT)
    page.get_by_test_id("stSidebar").get_by_text("Attack parameters").click()
    select = page.locator(".st-key-ask-evade").get_by_role("combobox")
    select.wait_for()
    scroller = page.get_by_test_id("stSidebarContent")
    for visible in (4, 12, 20, 30):  # so many pixels of it are above the lower edge
        for _ in range(TRIES):  # a fold that is opening has no room to scroll in yet
            page.wait_for_timeout(SETTLE_MS)
            top, bottom = edge(select)
            if abs(top - (HEIGHT - visible)) < 2:
                break
            scroller.evaluate("(element, by) => element.scrollBy(0, by)", top - (HEIGHT - visible))
        assert abs(top - (HEIGHT - visible)) < 2
        assert bottom > HEIGHT
        page.mouse.click(60, HEIGHT - visible / 2)
        expect(page.get_by_role("listbox")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_have_count(0)


def edge(select: Locator) -> tuple[float, float]:
    """Upper and lower edge of an element in the window."""
    place = select.bounding_box()
    assert place is not None
    return place["y"], place["y"] + place["height"]
