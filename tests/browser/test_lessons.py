"""A lesson from its link to its end, and a link with locks, in a real browser on a real server with a real engine."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = pytest.mark.browser

RUN_MS = 120_000


def button(page: Page, name: str) -> Locator:
    """By role, as a person finds it: beside a button with a help text Streamlit keeps a copy that is not shown."""
    return page.get_by_role("button", name=name)


def predict(page: Page, answer: str) -> None:
    page.get_by_role("radiogroup").get_by_text(answer, exact=True).click()
    button(page, "Submit prediction").click()
    expect(shown(page, f"You predicted: {answer}")).to_be_visible()


def run(page: Page) -> None:
    # The row is drawn last, once the engine is there; a click before that is a click on the row that goes.
    expect(shown(page, "on this machine")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    button(page, "Run it").click()
    expect(shown(page, "Already computed")).to_be_visible(timeout=RUN_MS)


def test_a_lesson_from_its_link_to_its_end(page: Page, fresh_address: str) -> None:
    page.goto(f"{fresh_address}/lessons?lesson=flips")
    expect(page.get_by_role("heading", name="Label flips, the baseline")).to_be_visible()
    expect(shown(page, "The result is hidden until you predict")).to_be_visible()
    expect(button(page, "Run it")).to_be_disabled()
    expect(button(page, "Next step")).to_be_disabled()
    expect(shown(page, "12 poisoned among 412 training images")).to_be_visible()
    predict(page, "From 1 to 5")
    run(page)
    expect(page.get_by_test_id("stMain").get_by_text("Flipped copies: 12; points lost:")).to_be_visible()
    page.wait_for_url(lambda url: "done=flips1" in url)

    button(page, "Next step").click()
    expect(page.get_by_role("heading", name="Ten times as many")).to_be_visible()
    predict(page, "From 2 to 10")
    expect(button(page, "Run it")).to_be_disabled()
    expect(shown(page, "First move the budget to 30 % or more")).to_be_visible()
    slider = page.locator("[class*=st-key-knob-budget]").get_by_role("slider")
    slider.focus()
    slider.press("End")
    expect(shown(page, "120 poisoned among 520 training images")).to_be_visible()
    page.reload()  # the prediction and the changed control are in the link
    expect(page.get_by_test_id("stMain").get_by_text("You predicted: From 2 to 10")).to_be_visible()
    expect(shown(page, "120 poisoned among 520 training images")).to_be_visible()
    run(page)
    expect(page.get_by_test_id("stMain").get_by_text("A budget of 30.0 % costs")).to_be_visible()

    button(page, "Next step").click()
    expect(page.get_by_role("heading", name="The budget, exactly")).to_be_visible()
    expect(shown(page, "12 poisoned among 412 training images")).to_be_visible()
    expect(button(page, "Finish")).to_be_disabled()
    page.get_by_role("radio", name="Map").click()
    expect(page.locator(".map .over").first).to_be_visible()
    page.wait_for_url(lambda url: "done=flips3" in url)
    button(page, "Finish").click()
    expect(page.get_by_role("heading", name="Lessons", exact=True)).to_be_visible()
    expect(shown(page, "All steps done")).to_have_count(1)


def test_a_run_is_defended_in_a_lesson(page: Page, address: str) -> None:
    page.goto(f"{address}/lessons?lesson=defend")
    expect(shown(page, "The defence: Loss (10 %)").first).to_be_visible()
    expect(button(page, "Apply it")).to_be_disabled()
    predict(page, "40 to 80 %")
    expect(shown(page, "Run the experiment first")).to_be_visible()
    run(page)
    expect(shown(page, "Press “Apply it”")).to_be_visible()
    button(page, "Apply it").click()
    expect(shown(page, "Already applied")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_test_id("stMain").get_by_text(re.compile(r"It detects \d+\.\d % of the 40;"))).to_be_visible()
    page.wait_for_url(lambda url: "done=defend1" in url)
    page.reload()
    expect(shown(page, "Already applied")).to_be_visible()
    page.get_by_role("link", name="Detected and missed images").click()
    expect(page.get_by_role("heading", name="Defend", exact=True)).to_be_visible()
    page.wait_for_url(lambda url: "with=loss" in url and "share=10" in url)
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(re.compile(r"\d+ of 40"))


def test_a_locked_link_stays_locked(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?data=mnist&attack=label-flip&train=100&test=50&lock=data,budget&hide=extractor,seed")
    expect(shown(page, "Some settings are locked by this link")).to_be_visible()
    slider = page.locator(".st-key-ask-budget").get_by_role("slider")
    for _ in range(2):
        expect(shown(page, "3 poisoned among 103 training images")).to_be_visible()
        expect(page.locator(".st-key-ask-data input")).to_be_disabled()
        expect(slider).to_be_disabled()
        expect(page.locator(".st-key-ask-extractor")).to_have_count(0)
        expect(page.locator(".st-key-ask-attack input")).to_be_enabled()
        page.reload()
    app_server.go(page, "Extractors")
    expect(page.get_by_role("heading", name="Extractors", exact=True)).to_be_visible()
    expect(page.locator(".st-key-ask-data input")).to_be_disabled()
    expect(page.locator(".st-key-ask-extractor")).to_have_count(0)
    expect(page.get_by_role("button", name="Use it in the lab")).to_be_disabled()
    page.wait_for_url(lambda url: "hide=extractor%2Cseed" in url and "lock=data%2Cbudget" in url)
