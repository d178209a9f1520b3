"""What keeps people out of a page: axe-core's rules of WCAG 2.1, A and AA, and a page wider than a phone."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.server import Theme, settled, shown, still
from tests.links import LINKS

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
WIDTH, HEIGHT, MOST_HEIGHT = 1400, 1000, 8000
PHONE = {"width": 390, "height": 844}
MOST_NAMED = 5
THEMES: tuple[Theme, ...] = ("light", "dark")
NOTHING: dict[str, list[str]] = {theme: [] for theme in THEMES}
CONTENT_HEIGHT = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
SCHEME = "theme => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === theme"
FILLED = """() => [...document.querySelectorAll("details[open]")]
    .every(fold => fold.querySelector("[data-testid=stElementContainer]"))"""
WIDEST = """() => {
    const scrolls = element => ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX);
    const main = document.querySelector('[data-testid=stMain]');
    const excess = main.scrollWidth - main.clientWidth;
    if (excess <= 0) return '';
    for (const element of main.querySelectorAll('*')) {
        if (element.getBoundingClientRect().right <= main.clientWidth + 1) continue;
        let around = element.parentElement;
        while (around !== main && !scrolls(around)) around = around.parentElement;
        if (around === main) return excess + ' pixels too wide: ' + element.outerHTML.slice(0, 200);
    }
    return excess + ' pixels too wide';
}"""


def whole(page: Page) -> None:
    """Make the window as high as the page."""
    settled(page)
    page.set_viewport_size({"width": WIDTH, "height": min(max(HEIGHT, page.evaluate(CONTENT_HEIGHT)), MOST_HEIGHT)})
    settled(page)


def in_both_themes(page: Page) -> dict[str, list[str]]:
    """What axe-core finds, light and dark, a line each."""
    found = {}
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(SCHEME, arg=theme)
        still(page)
        found[theme] = violations(page)
    return found


def violations(page: Page) -> list[str]:
    """What axe-core finds in the page as it stands, a line each."""
    lines = []
    for rule in Axe().run(page, options=RULES).response["violations"]:
        for node in rule["nodes"][:MOST_NAMED]:
            reasons = [check["message"] for check in (*node["any"], *node["all"], *node["none"])]
            lines.append(f"{rule['id']} ({len(rule['nodes'])}): {node['html'][:160]} {' '.join(reasons)[:200]}")
    return lines


def keeps_nobody_out(page: Page) -> None:
    """Hold the page as it is, light and dark, and as wide as a phone."""
    whole(page)
    assert in_both_themes(page) == NOTHING
    page.set_viewport_size(PHONE)
    settled(page)
    still(page)
    assert page.evaluate(WIDEST) == ""


def opened(page: Page, url: str) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(url)
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    settled(page)


@pytest.mark.parametrize("name", LINKS)
def test_a_page_as_a_link_opens_it(page: Page, address: str, name: str) -> None:
    opened(page, f"{address}/{LINKS[name]}")
    keeps_nobody_out(page)


def folds(page: Page) -> None:
    """Open every fold of the page and of the sidebar."""
    # At once: a click by the mouse waits until the folds above have ended to unfold.
    page.get_by_test_id("stExpander").locator("details:not([open]) > summary").evaluate_all(
        "all => all.forEach((summary) => summary.click())"
    )
    expect(page.get_by_test_id("stExpander").locator("details:not([open])")).to_have_count(0)
    page.wait_for_function(FILLED)
    settled(page)


def popover(page: Page) -> None:
    """Open the popover with the link."""
    page.get_by_test_id("stPopoverButton").first.click()
    page.get_by_test_id("stPopoverBody").wait_for()


def refused(page: Page) -> None:
    expect(shown(page, "Part of this link").or_(page.get_by_role("alert")).first).to_be_visible()


@pytest.mark.parametrize(
    ("link", "change"),
    [
        ("lab", folds),
        ("lessons?lesson=gap&step=1&answers=0", folds),
        ("teach", folds),
        ("defend", folds),
        ("stages", folds),
        ("compare", popover),
        ("present", popover),
        ("lab?budget=99&attack=magic&colour=red", refused),
        ("defend?run=none&with=magic", refused),
    ],
)
def test_a_page_in_another_state(page: Page, address: str, link: str, change: Callable[[Page], None]) -> None:
    opened(page, f"{address}/{link}")
    change(page)
    keeps_nobody_out(page)
