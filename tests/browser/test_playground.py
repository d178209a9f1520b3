"""The playground on a real server: its files, the address while a person plays, the policy, the theme."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import server as app_server
from tests.browser.server import Tabs
from tests.browser.test_links import notes_breaches

pytestmark = pytest.mark.browser


def ready(page: Page, url: str) -> None:
    """Open the playground, and wait until it has drawn."""
    page.goto(url)
    expect(page.locator("[data-part=clean]")).to_contain_text("%")
    app_server.settled(page)


def address_of(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_move_is_in_the_address_and_a_reload_keeps_it(page: Page, address: str) -> None:
    broken = notes_breaches(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ready(page, f"{address}/playground?data=blobs&budget=4")
    canvas = page.get_by_role("application")
    canvas.scroll_into_view_if_needed()
    canvas.click(position={"x": 200, "y": 150})
    page.wait_for_url(re.compile("poison="))
    first = address_of(page)
    assert first.keys() == {"data", "budget", "poison"}
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: first["poison"] not in url)
    page.get_by_label("Defence").select_option("Sphere")
    page.wait_for_url(re.compile("defence=sphere"))
    link, lost = address_of(page), page.locator("[data-part=poisoned]").inner_text()
    ready(page, page.url)
    assert address_of(page) == link
    expect(page.locator("[data-part=poisoned]")).to_have_text(lost)
    expect(page.locator("[data-part=used]")).to_contain_text("1 of 4 points")
    worst = page.locator(".playground").get_attribute("data-worst")
    assert float(worst or "inf") <= 1e-6
    assert broken == []
    others = {url for url in asked if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))}
    assert {urlsplit(url).path.rpartition(".")[2] for url in others} & {"js", "mjs", "css"} == set()


def test_going_back_shows_what_was_there(page: Page, address: str) -> None:
    """`last`: until the new page is whole, Streamlit leaves what was there before it."""
    ready(page, f"{address}/playground?data=blobs")
    page.get_by_role("link", name="One point, anywhere").click()
    page.wait_for_url(re.compile("budget=1"))
    expect(page.locator("[data-part=used]").last).to_contain_text("0 of 1 points")
    expect(page.get_by_label("Constraint")).to_have_value("none")
    page.get_by_role("link", name="Past the trimmed head").click()
    page.wait_for_url(re.compile("budget=15"))
    page.go_back()
    expect(page.locator("[data-part=used]").last).to_contain_text("0 of 1 points")
    page.go_back()
    expect(page.locator("[data-part=used]").last).to_contain_text("0 of 9 points")
    expect(page.get_by_label("Constraint")).to_have_value("valid")


@pytest.mark.parametrize("size", [(390, 844), (1366, 768), (1920, 1080)])
def test_picture_and_numbers_are_on_one_screen(size: tuple[int, int], tabs: Tabs, address: str) -> None:
    page = tabs.open(*size)
    ready(page, f"{address}/playground")
    canvas, numbers = page.locator("canvas").bounding_box(), page.locator(".numbers").bounding_box()
    assert canvas
    assert numbers
    together = max(canvas["y"] + canvas["height"], numbers["y"] + numbers["height"]) - min(canvas["y"], numbers["y"])
    assert together <= size[1] - 60
    assert canvas["x"] >= 0
    assert canvas["x"] + canvas["width"] <= size[0]
    wide = page.locator(".playground *").evaluate_all(
        "(all, width) => all.filter((e) => e.getBoundingClientRect().right > width + 1).map((e) => e.outerHTML)",
        size[0],
    )
    assert [html for html in wide if "aria-live" not in html] == []


def test_the_picture_follows_the_theme(tabs: Tabs, address: str) -> None:
    page = tabs.open(1366, 768, "dark")
    ready(page, f"{address}/playground?data=blobs&field=off")
    corner = """canvas => Array.from(canvas.getContext("2d").getImageData(3, canvas.height - 4, 1, 1).data)"""
    canvas = page.locator("canvas")
    dark = canvas.evaluate(corner)
    label = page.locator("[data-part=labels] svg").first
    assert label.get_attribute("fill") == "#5aa5ea"
    page.emulate_media(color_scheme="light")
    expect(page.locator("[data-part=labels] svg").first).to_have_attribute("fill", "#2b78c0")
    assert canvas.evaluate(corner) != dark


def test_the_server_is_asked_nothing_while_a_point_is_dragged(page: Page, address: str) -> None:
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    ready(page, f"{address}/playground")
    canvas = page.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    start = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before, first = len(sent), page.locator(".playground").get_attribute("data-count")
    page.mouse.move(*start)
    page.mouse.down()  # adds a point, and takes hold of it
    for step in range(40):
        page.mouse.move(start[0] + 3 * step, start[1] - 2 * step)
        page.evaluate("new Promise(requestAnimationFrame)")
    page.wait_for_timeout(600)  # longer than the component waits before it tells
    assert len(sent) == before
    page.mouse.up()
    page.wait_for_url(re.compile("poison="))
    assert 1 <= len(sent) - before <= 3
    shown = page.locator(".playground")
    assert int(shown.get_attribute("data-count") or 0) >= int(first or 0) + 35
    assert float(shown.get_attribute("data-worst") or "inf") <= 1e-6
