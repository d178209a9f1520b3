"""The map as an instrument in a real browser: lasso, images, pins and the link that carries them."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.spec.defaults import CURRENT
from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = pytest.mark.browser

HEADER, ROW = 35, 44
PINNED = re.compile(r"^(training image|poisoned sample) \d+: ")
MAP = ".st-key-features-chart .map"


def count(page: Page, kind: str) -> Locator:
    return shown(page, re.compile(rf"^[\d,]+ {kind}, [\d,]+ of them poisoned$"))


def drawn(page: Page) -> None:
    """Wait for the map and the table."""
    expect(page.get_by_role("heading", name="Features")).to_be_visible()
    expect(page.locator(MAP)).to_have_attribute("data-count", re.compile(r"[1-9]\d*"))
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    expect(page.locator(".st-key-features-table").get_by_test_id("data-grid-canvas")).to_be_visible()


def shows(page: Page, what: str, rows: int) -> None:
    """Wait until the map has drawn so many rows that are lassoed or pinned."""
    expect(page.locator(MAP)).to_have_attribute(f"data-{what}", str(rows))


def lasso(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a loop around a part of the map, in fractions of it."""
    box = page.locator(f"{MAP} .over").bounding_box()
    assert box
    places = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()


def choose_row(page: Page, row: int) -> None:
    box = page.locator(".st-key-features-table").get_by_test_id("data-grid-canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + 15, box["y"] + HEADER + ROW * (row + 0.5))


def test_lasso_pin_and_link(page: Page, browser: Browser, fresh_address: str) -> None:
    link = f"{fresh_address}/features?attack=ft-matching&map=pca"
    page.goto(link)
    drawn(page)
    expect(count(page, "points")).to_have_text("2,060 points, 60 of them poisoned")
    lasso(page, 0.3, 0.3, 0.6, 0.6)
    expect(count(page, "lassoed")).to_be_visible()
    words = count(page, "lassoed").inner_text()
    lassoed = int(words.split()[0].replace(",", ""))
    assert 0 < lassoed < 2060
    shows(page, "lassoed", lassoed)
    grid = page.locator(".st-key-features-table canvas [role=grid]")
    expect(grid).to_have_attribute("aria-rowcount", str(min(lassoed, 50) + 1))
    page.wait_for_url(lambda url: "lasso=" in url)
    expect(shown(page, "Select a row to show its image")).to_be_visible()
    shows(page, "pinned", 0)

    choose_row(page, 1)
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    shows(page, "pinned", 1)
    expect(shown(page, "Its nearest neighbours in feature space")).to_be_visible()
    expect(page.get_by_alt_text(re.compile(r" · \d\.\d\d$"))).to_have_count(10)
    expect(count(page, "lassoed")).to_have_text(words)  # drawing the ring does not lose the lasso
    shows(page, "lassoed", lassoed)
    page.wait_for_url(lambda url: "pin=" in url)
    pinned = page.get_by_role("paragraph").filter(has_text=PINNED).inner_text()

    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    again = context.new_page()
    again.set_default_timeout(app_server.PAGE_MS)
    again.goto(page.url)
    drawn(again)
    expect(count(again, "lassoed")).to_have_text(words)
    expect(shown(again, pinned, exact=True)).to_be_visible()
    shows(again, "pinned", 1)
    shows(again, "lassoed", lassoed)
    expect(again.locator(".st-key-features-map").get_by_role("radio", name="PCA")).to_be_checked()
    assert again.url == page.url
    context.close()

    page.go_back()
    expect(page.get_by_role("heading", name="Pinned")).to_have_count(0)
    expect(count(page, "lassoed")).to_have_text(words)
    page.go_back()
    expect(count(page, "points")).to_be_visible()
    shows(page, "lassoed", 0)
    page.wait_for_url(link)
    page.go_forward()
    expect(count(page, "lassoed")).to_have_text(words)


def test_a_click_on_the_map_pins_a_point_beside_its_neighbours(page: Page, address: str) -> None:
    page.goto(f"{address}/features")
    drawn(page)
    canvas = page.locator(f"{MAP} .over")
    canvas.focus()
    for key in ("ArrowRight", "n", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    row = int(page.locator(MAP).get_attribute("data-selected") or -1)
    assert row >= 2000
    page.wait_for_url(lambda url: f"pin={row}" in url)
    expect(shown(page, f"poisoned sample {row - 2000}: ").first).to_be_visible()
    shows(page, "pinned", 1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Pinned")).to_have_count(0)
    page.wait_for_url(lambda url: "pin=" not in url)


def test_another_page_of_the_table_keeps_the_pin(page: Page, address: str) -> None:
    page.goto(f"{address}/features?pin=2001")
    drawn(page)
    expect(shown(page, "poisoned sample 1: ")).to_be_visible()
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.wait_for_url(lambda url: "page=2" in url)
    choose_row(page, 0)
    page.wait_for_url(lambda url: "pin=2001%2C2009" in url or "pin=2001,2009" in url)
    expect(shown(page, "poisoned sample 9: ")).to_be_visible()
    shows(page, "pinned", 2)
    page.get_by_role("button", name="Unpin").click()
    shows(page, "pinned", 0)
    page.wait_for_url(lambda url: "pin=" not in url)


def test_a_bad_view_is_explained(page: Page, address: str) -> None:
    page.goto(f"{address}/features?map=moon&pin=1&defaults={CURRENT}")
    expect(shown(page, "allowed: umap, pca, plane")).to_be_visible()
    page.wait_for_url(lambda url: "pin=1" in url and "map=" not in url)
    page.get_by_role("link", name="Lab", exact=True).click()
    expect(shown(page, "Already computed")).to_be_visible()
    page.wait_for_url(f"{address}/lab")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
