"""The lab in a real browser, on a real server with a real engine: what AppTest can't see."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import server as app_server
from tests.browser.server import Tabs, shown

pytestmark = pytest.mark.browser

RUN_MS = 300_000
SMALL = "attack=label-flip&train=100&test=50"
LONG = "attack=tgda-feature&steps=5000&train=400&test=50"


def run_button(page: Page) -> None:
    page.locator(".st-key-run button").click()


def test_deep_link_is_the_first_page_of_a_fresh_server(page: Page, fresh_address: str) -> None:
    page.goto(f"{fresh_address}/lab?{SMALL}&budget=7")
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    expect(shown(page, "7 poisoned among 107 training images")).to_be_visible()
    expect(shown(page, "Page not found")).to_have_count(0)
    assert page.url == f"{fresh_address}/lab?{SMALL}&budget=7"


def test_bare_address_leads_to_the_lab(page: Page, address: str) -> None:
    page.goto(f"{address}/?budget=5")
    expect(shown(page, "100 poisoned among 2,100 training images")).to_be_visible()
    page.wait_for_url(f"{address}/lab?attack=ft-matching&budget=5")


def test_helper_modules_are_no_pages(page: Page, address: str) -> None:
    page.goto(f"{address}/lab")
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    assert page.get_by_role("link", name="words").count() == 0
    assert page.get_by_role("link", name="sidebar").count() == 0


def test_ready_once_the_engine_runs(address: str) -> None:
    end = time.monotonic() + 60
    while app_server.status_of(f"{address}/ready") != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_budget_moves_the_link_and_history_moves_the_budget(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?{SMALL}")
    slider = page.locator(".st-key-ask-budget").get_by_role("slider")
    expect(slider).to_have_value("3")
    slider.press("ArrowRight")
    expect(shown(page, "4 poisoned among 104 training images")).to_be_visible()
    page.wait_for_url(lambda url: "budget=3.5" in url)
    page.go_back()
    expect(slider).to_have_value("3")


def test_bad_link_is_explained(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?budget=99&attack=magic")
    expect(shown(page, "allowed: a number from 0.5 to 30")).to_be_visible()
    expect(shown(page, "60 poisoned among 2,060 training images")).to_be_visible()


def test_small_run_to_its_end(page: Page, browser: Browser, address: str) -> None:
    page.goto(f"{address}/lab?{SMALL}&budget=20")
    run_button(page)
    expect(shown(page, "Already computed")).to_be_visible(timeout=RUN_MS)
    expect(shown(page, "Result of these settings:")).to_be_visible()
    page.get_by_test_id("stExpander").filter(has_text="How: the accuracy").locator("summary").click()
    for label in ("Clean", "Poisoned"):
        metric = page.get_by_test_id("stMetric").filter(has=shown(page, label, exact=True))
        expect(metric).to_contain_text("%")
    expect(page.locator(".map .over").first).to_be_visible()
    expect(shown(page, "no pixel is changed")).to_be_visible()

    again = browser.new_page()
    again.goto(page.url)
    expect(shown(again, "Already computed")).to_be_visible()
    again.close()


def test_report_is_made_when_it_is_asked_for(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/lab")
    shown(page, "Export").click()
    for label, name, start in (
        ("Report (HTML)", "-report.html", "<!doctype html>"),
        ("Table (CSV)", "-points.csv", "row,label,class,"),
        ("Citation (BibTeX)", ".bib", "@inproceedings{"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        assert download.value.suggested_filename.endswith(name)
        download.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(start)


def test_cancel_a_long_run(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?{LONG}")
    run_button(page)
    expect(page.get_by_test_id("stProgress").get_by_text("Optimising poisoned features").first).to_be_visible(
        timeout=RUN_MS
    )
    page.get_by_role("button", name="Cancel").click()
    expect(shown(page, "The run was cancelled")).to_be_visible()
    expect(page.locator(".st-key-run button")).to_be_enabled()


def test_nothing_is_wider_than_a_phone(tabs: Tabs, address: str, tmp_path: Path) -> None:
    page = tabs.open(400, 900)
    page.goto(f"{address}/lab?{SMALL}&budget=21")
    page.get_by_test_id("stExpandSidebarButton").click()
    run_button(page)  # which closes the drawer
    expect(shown(page, "Result of these settings:")).to_be_visible(timeout=RUN_MS)
    wide = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stMainBlockContainer] *')]"
        ".filter(e => e.getBoundingClientRect().right > 402 && e.offsetParent).map(e => e.className)"
    )
    assert not wide
