"""Slides on a projector: nothing overflows, no quarter of the screen is blank, and the file shows the same offline."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import server as app_server
from tests.browser.server import shown

pytestmark = pytest.mark.browser

RUN_MS = 180_000
SIZES = ((1920, 1080), (1280, 720))
MOST_BLANK = 0.25
OVERFLOW = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    return [main.scrollWidth - main.clientWidth, main.scrollHeight - main.clientHeight];
}"""
BLANK = """() => {  // the largest blank rectangle, as a share of the screen
    const [across, down] = [64, 36];
    const filled = Array.from({length: down}, () => new Array(across).fill(false));
    const fill = box => {
        const [top, bottom] = [box.top, box.bottom].map(y => y / innerHeight * down);
        const [left, right] = [box.left, box.right].map(x => x / innerWidth * across);
        for (let y = Math.max(0, Math.floor(top)); y < Math.min(down, bottom); y++)
            for (let x = Math.max(0, Math.floor(left)); x < Math.min(across, right); x++) filled[y][x] = true;
    };
    const texts = document.createTreeWalker(document.querySelector('[data-testid=stMain]'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        if (!texts.currentNode.textContent.trim() || texts.currentNode.parentElement.tagName === 'STYLE') continue;
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        const box = range.getBoundingClientRect();
        if (box.width) fill(box);
    }
    document.querySelectorAll('.slide img, .slide .bar, .slide .card').forEach(e => fill(e.getBoundingClientRect()));
    let largest = 0;
    const above = new Array(across).fill(0);
    for (let y = 0; y < down; y++) {
        for (let x = 0; x < across; x++) above[x] = filled[y][x] ? 0 : above[x] + 1;
        for (let left = 0; left < across; left++) {
            let height = down;
            for (let right = left; right < across; right++) {
                height = Math.min(height, above[right]);
                largest = Math.max(largest, height * (right - left + 1));
            }
        }
    }
    return largest / (across * down);
}"""


def whole(page: Page, address: str) -> None:
    """Wait until a worker has found all that the slides of the default run show."""
    page.goto(f"{address}/present?step=5")
    expect(page.get_by_role("heading", name="A filter takes most of it back")).to_be_visible(timeout=RUN_MS)
    page.goto(f"{address}/present?step=4")
    expect(shown(page, "Right before, wrong now")).to_be_visible(timeout=RUN_MS)
    app_server.settled(page)  # the bar is drawn after the slide
    expect(shown(page, "Filters are being tried")).to_have_count(0, timeout=RUN_MS)


def test_slides_fill_a_projector(page: Page, address: str) -> None:
    whole(page, address)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for step in range(1, 7):
            page.goto(f"{address}/present?step={step}")
            expect(shown(page, f"{step} of 6")).to_be_visible()
            page.locator(".slide h1").wait_for()
            app_server.settled(page)
            assert page.evaluate(OVERFLOW) == [0, 0], (width, step)
            assert page.evaluate(BLANK) <= MOST_BLANK, (width, step)


def test_the_file_is_shown_offline_and_by_keys(browser: Browser, page: Page, address: str, tmp_path: Path) -> None:
    whole(page, address)
    page.get_by_role("button", name="Run").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Slides (HTML)").click()
    path = tmp_path / "slides.html"
    download.value.save_as(path)
    shown = browser.new_page(viewport={"width": 1280, "height": 720})
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(path.as_uri())
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert shown.locator("section").count() == 6
    assert shown.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    heights = [box["height"] for section in shown.locator("section").all() if (box := section.bounding_box())]
    assert heights == pytest.approx([720] * 6, abs=1)
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("document.querySelectorAll('section')[1].getBoundingClientRect().top < 10")
    expect(shown.locator(".note").first).to_be_hidden()
    shown.keyboard.press("n")
    expect(shown.locator(".note").first).to_be_visible()
    shown.close()
