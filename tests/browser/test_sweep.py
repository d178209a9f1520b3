"""Sweeps in a real browser: runs that come in one by one, and a budget that moves everything together."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.server import shown

pytestmark = pytest.mark.browser

RUN_MS = 180_000


def metric(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def slider(page: Page) -> Locator:
    return page.locator(".st-key-sweep-at").get_by_role("slider")


def shows(page: Page, percent: int) -> None:
    """Images, map and accuracy are all those of one budget, on 2,000 clean images."""
    poisoned = 20 * percent
    expect(metric(page, "Poisoned images")).to_have_text(f"{poisoned}")
    expect(page.locator(".st-key-scrub-map .map")).to_have_attribute("data-count", f"{2000 + poisoned}")
    expect(page.get_by_role("application", name=f"Map of features at a budget of {percent} %")).to_be_visible()
    expect(page.get_by_role("figure", name=f"Test accuracy at a budget of {percent} %")).to_be_visible()


def test_the_budget_moves_images_map_and_accuracy_together(page: Page, fresh_address: str) -> None:
    page.goto(f"{fresh_address}/sweep?attacks=tgda-feature,ft-matching&turn=ft-matching&at=3")
    shows(page, 3)
    image = page.get_by_alt_text("Poisoned image 0")
    seen = {image.get_attribute("src"): metric(page, "Points lost").inner_text()}
    slider(page).press("ArrowRight")
    shows(page, 10)
    page.wait_for_url(lambda url: "at=10" in url)
    seen[image.get_attribute("src")] = metric(page, "Points lost").inner_text()
    assert len(seen) == len(set(seen.values())) == 2
    page.go_back()
    shows(page, 3)
    page.locator(".st-key-sweep-turn").get_by_role("combobox").click()
    page.get_by_role("option", name="TGDA, features").click()
    expect(shown(page, "This attack makes features, not images.")).to_be_visible()
    page.wait_for_url(lambda url: "turn=" not in url and "at=3" in url)
    shows(page, 3)


def test_play_goes_through_all_budgets_and_leaves_the_link_alone(page: Page, address: str) -> None:
    link = f"{address}/sweep?attack=ft-matching&attacks=ft-matching"
    page.goto(link)
    shows(page, 1)
    play = page.locator(".st-key-sweep-play label")
    play.click()
    for percent in (3, 10, 1, 3):
        expect(metric(page, "Poisoned images")).to_have_text(f"{20 * percent}")
    assert page.url == link
    play.click()
    expect(page.locator(".st-key-sweep-play").get_by_role("switch")).not_to_be_checked()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    stopped = int(metric(page, "Poisoned images").inner_text()) // 20
    page.wait_for_url(link if stopped == 1 else f"{link}&at={stopped}")


def test_a_small_sweep_to_its_end(page: Page, address: str) -> None:
    page.goto(f"{address}/sweep?attack=label-flip&budget=10&train=100&test=60&attacks=label-flip&budgets=10,20")
    page.get_by_role("button", name="Run 4").click()
    expect(shown(page, "All 4 runs are stored")).to_be_visible(timeout=RUN_MS)
    lines = page.locator(".st-key-sweep-chart .scatterlayer .trace")
    expect(lines).to_have_count(3)
    expect(metric(page, "Poisoned images")).to_have_text("10")
    slider(page).press("End")
    expect(metric(page, "Poisoned images")).to_have_text("20")
    page.get_by_role("radio", name="Attacks against extractors").click()
    expect(page.locator(".st-key-sweep-chart .heatmaplayer")).to_be_visible()
    page.wait_for_url(re.compile(r"kind=matrix"))
