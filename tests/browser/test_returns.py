"""Whichever way a person leaves a page and comes back, they find what they left."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = pytest.mark.browser

LINK = "attack=label-flip&budget=5&train=100&test=50"
BUDGET = "5 poisoned among 105 training images"
LONG = "attack=tgda-feature&steps=5000&train=400&test=50"
PAGES = ("Defend", "Stages", "Compare", "Status", "Present", "Playground", "Gallery")


def heading(page: Page, name: str) -> None:
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_have_text(name)
    app_server.settled(page)


def is_the_lab(page: Page) -> None:
    expect(shown(page, BUDGET)).to_be_visible()
    page.wait_for_url(lambda url: f"/lab?{LINK}" in url)
    app_server.settled(page)


@pytest.mark.parametrize("name", PAGES)
def test_settings_survive_a_visit_by_the_navigation(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/lab?{LINK}")
    is_the_lab(page)
    app_server.go(page, name)
    expect(shown(page, BUDGET)).to_have_count(1 if name == "Gallery" else 0)
    app_server.settled(page)
    if name == "Present":  # it has no navigation
        page.go_back()
    else:
        app_server.go(page, "Lab")
    is_the_lab(page)


def test_one_press_of_back_and_forward_for_each_visit(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?{LINK}")
    is_the_lab(page)
    app_server.go(page, "Defend")
    heading(page, "Defend")
    app_server.go(page, "Gallery")
    heading(page, "Gallery")
    app_server.go(page, "Lab")
    is_the_lab(page)
    for name in ("Gallery", "Defend"):
        page.go_back()
        heading(page, name)
    page.go_back()
    is_the_lab(page)
    page.go_forward()
    heading(page, "Defend")


def test_a_reload_elsewhere_keeps_the_settings_of_the_lab(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?{LINK}&lock=budget")
    expect(shown(page, BUDGET)).to_be_visible()
    app_server.settled(page)
    app_server.go(page, "Defend")
    heading(page, "Defend")
    page.wait_for_url(lambda url: "lab=attack" in url)
    page.reload()
    heading(page, "Defend")
    app_server.go(page, "Lab")
    expect(shown(page, BUDGET)).to_be_visible()
    expect(page.locator(".st-key-ask-budget").get_by_role("slider")).to_be_disabled()


def test_a_step_of_a_lesson_keeps_its_preset(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=flips")
    preset = shown(page, "12 poisoned among 412 training images")
    expect(preset).to_be_visible()
    app_server.settled(page)
    app_server.go(page, "Defend")
    heading(page, "Defend")
    app_server.go(page, "Lessons")
    heading(page, "Label flips, the baseline")
    expect(preset).to_be_visible()


def test_a_view_is_found_again(page: Page, address: str) -> None:
    page.goto(f"{address}/stages?step=2")
    heading(page, "Stages")
    app_server.go(page, "Lab")
    heading(page, "Poison Lab")
    app_server.go(page, "Stages")
    heading(page, "Stages")
    page.wait_for_url(lambda url: "step=2" in url)


def test_odd_links_are_named(page: Page, address: str) -> None:
    for path, words in (
        ("present?step=9&colour=red", "`colour`|step"),
        ("compare?runs=x&magic=1", "magic"),
        ("defend?share=77&magic=1", "magic"),
    ):
        page.goto(f"{address}/{path}")
        alert = page.get_by_test_id("stAlert").filter(has_text="This link can't be followed as it is")
        expect(alert).to_contain_text(re.compile(words))
