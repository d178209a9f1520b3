"""Pictures to look at: `python -m tests.browser.screenshots FOLDER [pages|states] [name...]`.

Starts a server of its own and writes PNG files: of every page with what ships (`pages`, of which names can be picked,
see `tests.links.LINKS`), or of the lab in its states, for which it runs small experiments. All are wide and as on a
phone, light and dark. The pictures of the README and docs/ are taken by `tests.browser.pictures`.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import server as app_server
from tests.browser.server import shown
from tests.links import LINKS

SMALL = "attack=ft-matching&train=400&test=200&budget=10&steps=20&match_steps=10&finish_steps=5"
FLIP = "attack=label-flip&train=100&test=50&budget=20"
FEATURES = "attack=tgda-feature&train=400&test=200&steps=20"
NO_WEIGHTS = "extractor=resnet18-imagenet&attack=label-flip&train=100&test=50"
LONG = "attack=tgda-feature&train=400&test=50&steps=5000"
SIZES = {"wide": (1400, 1000), "phone": (400, 900)}
THEMES = ("light", "dark")
WAIT_MS = 300_000


@contextmanager
def opened(browser: Browser, url: str, size: str, theme: str) -> Iterator[Page]:
    """A page of the lab in one size and theme."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    yield page
    page.close()


def shoot(page: Page, path: Path) -> None:
    """The whole page, made as tall as its content."""
    app_server.settled(page)
    page.wait_for_timeout(500)
    block = "document.querySelector('[data-testid=stMainBlockContainer]')"
    viewport = page.viewport_size or {"width": 1400, "height": 1000}
    height = max(int(page.evaluate(f"{block}.scrollHeight")) + 40, viewport["height"])
    page.set_viewport_size({"width": viewport["width"], "height": height})
    page.wait_for_timeout(500)
    app_server.settled(page)
    page.wait_for_timeout(1000)  # pictures in tables, and plots that were drawn anew
    page.screenshot(path=path)
    page.set_viewport_size(viewport)


def finish(page: Page) -> None:
    """Run the settings of the sidebar, unless that was done before, and wait for the result."""
    page.wait_for_timeout(1000)
    if page.locator(".st-key-run button").is_enabled():
        page.locator(".st-key-run button").click()
    shown(page, "Already computed").wait_for()


def pages(browser: Browser, address: str, folder: Path, names: Sequence[str]) -> None:
    """Every page as a link opens it, in both sizes and themes."""
    for name in names or LINKS:
        for size in SIZES:
            for theme in THEMES:
                with opened(browser, f"{address}/{LINKS[name]}", size, theme) as page:
                    shoot(page, folder / f"{name}-{size}-{theme}.png")


def states(browser: Browser, address: str, folder: Path) -> None:
    """Every state of the lab in both sizes and themes."""
    with opened(browser, f"{address}/lab", "wide", "light") as page:
        shoot(page, folder / "initial-wide-light.png")
    for name, query in (("flip", FLIP), ("features", FEATURES), ("finished", SMALL)):
        with opened(browser, f"{address}/lab?{query}", "wide", "light") as page:
            finish(page)
        for size in SIZES:
            for theme in THEMES:
                with opened(browser, f"{address}/lab?{query}", size, theme) as page:
                    shown(page, "Already computed").wait_for()
                    shoot(page, folder / f"{name}-{size}-{theme}.png")
    with opened(browser, f"{address}/lab?{SMALL}", "wide", "dark") as page:
        for text in ("Attack parameters", "Sizes and seed", "Optimisation curves", "Export"):
            shown(page, text).click()
        shown(page, "Show the feature targets").click()
        shoot(page, folder / "opened-wide-dark.png")
    with opened(browser, f"{address}/lab?budget=99&attack=magic&colour=red", "phone", "light") as page:
        shoot(page, folder / "bad-link-phone-light.png")
    with opened(browser, f"{address}/lab?{NO_WEIGHTS}", "wide", "dark") as page:
        page.locator(".st-key-run button").click()
        shown(page, "The run failed").wait_for()
        shoot(page, folder / "failed-wide-dark.png")
    with opened(browser, f"{address}/lab?{SMALL}", "phone", "light") as page:
        page.get_by_test_id("stExpandSidebarButton").click()
        page.wait_for_timeout(1000)
        page.screenshot(path=folder / "sidebar-phone-light.png")
    with opened(browser, f"{address}/lab?{LONG}", "wide", "light") as page:
        page.locator(".st-key-run button").click()
        page.get_by_test_id("stProgress").get_by_text("Optimising").wait_for()
        page.wait_for_timeout(5000)
        shoot(page, folder / "running-wide-light.png")
        with opened(browser, page.url, "phone", "dark") as phone:
            phone.get_by_test_id("stProgress").get_by_text("Optimising").wait_for()
            shoot(phone, folder / "running-phone-dark.png")
        page.get_by_role("button", name="Cancel").click()
        shown(page, "The run was cancelled").wait_for()
        shoot(page, folder / "cancelled-wide-light.png")


def main() -> None:
    """Read the command line."""
    folder, kind, *names = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    shots = {"pages": partial(pages, names=names), "states": states}[kind]
    with (
        tempfile.TemporaryDirectory() as home,
        app_server.server(Path(home)) as address,
        app_server.browser() as chromium,
    ):
        shots(chromium, address, Path(folder))


if __name__ == "__main__":
    main()
