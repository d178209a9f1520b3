"""A run while it goes, in a real browser: images and diamonds change in their places, on a desk and on a phone."""

import time

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser import server as app_server
from tests.browser.server import Tabs, shown

pytestmark = pytest.mark.browser

RUN_MS = 300_000
SMALL = "train=100&test=50&budget=10"
SIZES: dict[str, ViewportSize] = {"desk": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}
CARDS = ("lab-images", "lab-map", "lab-accuracy")


def press_run(page: Page, *, is_phone: bool) -> None:
    if is_phone:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.locator(".st-key-run button").click()


def picture(page: Page, canvas: str) -> str:
    drawn: str = page.locator(canvas).first.evaluate("canvas => canvas.toDataURL()")
    return drawn


def tops(page: Page) -> list[float]:
    boxes = [page.locator(f".st-key-{card}").bounding_box() for card in CARDS]
    return [box["y"] for box in boxes if box is not None]


@pytest.mark.parametrize("size", SIZES)
def test_images_and_diamonds_change_in_place_while_a_run_goes(tabs: Tabs, address: str, size: str) -> None:
    page, is_phone = tabs.open(**SIZES[size]), size == "phone"
    page.set_default_timeout(RUN_MS)
    page.goto(f"{address}/lab?attack=label-flip&{SMALL}")  # it fits the map of these clean points
    expect(page.locator(".map[data-count]").first).to_be_visible(timeout=RUN_MS)
    app_server.settled(page)
    if not shown(page, "Result of these settings:").is_visible():
        press_run(page, is_phone=is_phone)
    expect(shown(page, "Result of these settings:")).to_be_visible(timeout=RUN_MS)

    page.goto(f"{address}/lab?attack=tgda-input&steps=5000&seed=0&{SMALL}&lr={0.01 if is_phone else 0.02}")
    expect(shown(page, "Result of other settings")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".map[data-count]").first).to_be_visible(timeout=RUN_MS)
    for component in (".image-card", ".map"):
        page.locator(component).first.evaluate("element => { element.dataset.mine = 'yes' }")
    press_run(page, is_phone=is_phone)
    progress = page.locator(".st-key-going")
    expect(progress).to_be_in_viewport(timeout=app_server.PAGE_MS)
    if is_phone:
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")

    expect(page.locator(".st-key-story")).to_contain_text("are being made: what is shown here", timeout=RUN_MS)
    expect(page.locator(".image-card")).to_have_attribute("data-count", "10")
    expect(page.locator(".image-card figcaption").last).to_have_text("poisoned, at the start")
    expect(page.locator(".map").first).to_have_attribute("data-count", "110")
    expect(page.locator(".st-key-lab-accuracy")).to_contain_text("Training images read right")
    image, diamonds, places = picture(page, ".image-card .over"), picture(page, ".map canvas"), tops(page)
    end = time.monotonic() + RUN_MS / 1000
    while picture(page, ".image-card .over") == image or picture(page, ".map canvas") == diamonds:
        assert time.monotonic() < end
        time.sleep(0.2)
    expect(page.locator(".image-card figcaption").last).to_contain_text("poisoned, step ")
    expect(progress).to_contain_text("Run going: Optimising pixels")
    assert tops(page) == pytest.approx(places, abs=1)
    for component in (".image-card", ".map"):
        expect(page.locator(component).first).to_have_attribute("data-mine", "yes")  # nothing was mounted again

    if is_phone:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_test_id("stSidebar").get_by_text("The run was cancelled")).to_be_visible(timeout=RUN_MS)
    expect(shown(page, "Result of other settings")).to_be_attached()
    expect(page.locator(".image-card figcaption").last).not_to_contain_text("step")
