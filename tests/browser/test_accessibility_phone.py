"""What keeps people out on a phone: axe-core's rules of WCAG 2.1, A and AA, drawer closed and open, and its width."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Tabs, settled
from tests.browser.test_accessibility import NOTHING, PHONE, WIDEST, in_both_themes
from tests.browser.test_links import notes_breaches
from tests.links import LINKS

pytestmark = pytest.mark.browser

DRAWERS = ("lab", "lab-features", "lessons-step", "gallery")
"""Links of pages whose drawers differ: an experiment, another one, a lesson's, and pages alone, as on all others."""
WIDER = """[...document.querySelectorAll('[data-testid=stMainBlockContainer] *')]
  .filter(e => e.getBoundingClientRect().right > 392 && e.offsetParent && !e.closest('[data-testid=stDataFrame]'))
  .filter(e => !['auto', 'scroll'].includes(getComputedStyle(e.closest('table')?.parentElement ?? e).overflowX))
  .map(e => e.tagName + ' ' + e.className)"""
"""Elements that the page cuts off, rather than scroll."""
GROUPS = {
    "Learn": ["Lessons", "Playground", "Challenge", "For teachers"],
    "Explore": ["Gallery", "Compare", "Sweep", "Stages", "Features", "Defend", "Audit"],
    "Set-up": ["Extractors", "Upload your own data", "Status"],
}
IN_DRAWER = "document.activeElement.closest('[data-testid=stSidebar]') !== null"


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    settled(page)


def open_drawer(page: Page) -> None:
    page.get_by_test_id("stExpandSidebarButton").click()
    page.locator(
        "[data-testid=stSidebar][data-collapsed=false], [data-testid=stSidebar]:not([data-collapsed])"
    ).wait_for()
    expect(page.get_by_test_id("stSidebarNavItems")).to_be_visible()


@pytest.mark.parametrize("name", LINKS)
def test_nothing_keeps_people_out_on_a_phone(tabs: Tabs, address: str, name: str) -> None:
    page = tabs.open(**PHONE)
    broken = notes_breaches(page)
    opened(page, f"{address}/{LINKS[name]}")
    assert in_both_themes(page) == NOTHING
    assert page.evaluate(WIDEST) == ""
    assert page.evaluate(WIDER) == []
    if name in DRAWERS:
        open_drawer(page)
        assert in_both_themes(page) == NOTHING
    assert broken == []


def test_the_drawer_lists_the_pages_by_group(tabs: Tabs, address: str) -> None:
    page = tabs.open(**PHONE)
    opened(page, f"{address}/lab")
    open_drawer(page)
    drawer = page.get_by_test_id("stSidebar")
    drawer.get_by_role("button", name="View ").first.click()
    for group, names in GROUPS.items():
        links = drawer.get_by_role("list", name=group).get_by_role("listitem").get_by_role("link")
        assert [words.strip().splitlines()[-1] for words in links.all_inner_texts()] == names


def test_a_closed_drawer_is_out_of_reach_of_keys(tabs: Tabs, address: str) -> None:
    page = tabs.open(**PHONE)
    opened(page, f"{address}/lab")
    for _ in range(8):
        page.keyboard.press("Tab")
        assert not page.evaluate(IN_DRAWER)
    assert page.get_by_role("link", name="Gallery").count() == 0
    open_drawer(page)
    assert page.get_by_role("link", name="Gallery").count() == 1


def test_a_wide_table_is_scrolled_by_keys(tabs: Tabs, address: str) -> None:
    page = tabs.open(**PHONE)
    opened(page, f"{address}/{LINKS['compare']}")
    table = page.get_by_role("region", name="Table, scrolled sideways").first
    expect(table).to_be_visible()
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
