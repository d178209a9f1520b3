"""The pictures of the README and of docs/, taken from the app itself: `python -m tests.browser.pictures FOLDER`.

Starts a server of its own. Everything is taken light and dark: some pages as a person finds them, and a run from the
first click to the lost accuracy as a moving picture. Takes two minutes on two cores.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from core.spec.defaults import CURRENT
from tests.browser import server as app_server
from tests.browser.screenshots import THEMES, WAIT_MS, shoot
from tests.browser.server import shown
from tests.links import LINKS

STILLS = {"lab": "lab", "features": "features", "stages": "stages", "compare": LINKS["compare"], "lessons": "lessons"}
"""Name of a still picture: the link that opens it."""

MOVING = "run"
RUN = f"lab?seed=7&defaults={CURRENT}"
"""The default experiment with a seed that is not shipped, so that it runs."""
DRAWN_MS = 5000
"""What components that the page has got take to draw their images and points, on a busy machine."""

STILL_SIZE = {"width": 1400, "height": 1000}
MAX_HEIGHT = 1800  # of a still picture
MOVING_SIZE = {"width": 1200, "height": 760}
SHOWN_WIDTH = 800  # of the moving picture, in pixels
RUN_FRAMES = 14
RUN_FRAME_MS, STOP_MS = 400, 2500
QUALITY = 80


def names() -> list[str]:
    """The files that `main` writes."""
    return [f"{name}-{theme}.webp" for name in (*STILLS, MOVING) for theme in THEMES]


def still(page: Page, url: str, path: Path) -> None:
    """Write a page as tall as its content, or its upper part."""
    page.goto(url)
    page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
    shot = path.with_suffix(".png")
    shoot(page, shot)
    with Image.open(shot) as image:
        upper = image.convert("RGB").crop((0, 0, image.width, min(image.height, MAX_HEIGHT)))
    upper.save(path, quality=QUALITY, method=6)
    shot.unlink()


def moving(page: Page, url: str, path: Path) -> None:
    """Write a run: the settings, its progress, the accuracy lost, the poisoned images and the map of features."""
    page.goto(url)
    run = page.locator(".st-key-run button")
    run.wait_for()
    app_server.settled(page)
    page.wait_for_timeout(DRAWN_MS)
    first, running = _frame(page), []
    run.click()
    end = time.monotonic() + WAIT_MS / 1000
    while not shown(page, "Already computed").is_visible():
        if time.monotonic() > end:
            raise RuntimeError("the run of the moving picture does not end")
        frame = _frame(page)
        if not running or frame != running[-1]:
            running.append(frame)
        page.wait_for_timeout(300)
    app_server.settled(page)
    page.wait_for_timeout(DRAWN_MS)
    page.mouse.move(MOVING_SIZE["width"] // 2, MOVING_SIZE["height"] // 2)
    results = []
    for _ in range(3):
        page.wait_for_timeout(1000)
        results.append(_frame(page))
        page.mouse.wheel(0, MOVING_SIZE["height"] // 2)
    picked = [running[i * (len(running) - 1) // (RUN_FRAMES - 1)] for i in range(RUN_FRAMES)]  # evenly spread
    frames = [first, *picked, *results]
    durations = [STOP_MS] + [RUN_FRAME_MS] * len(picked) + [STOP_MS] * len(results)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=QUALITY, method=6)


def _frame(page: Page) -> Image.Image:
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return image.resize((SHOWN_WIDTH, SHOWN_WIDTH * image.height // image.width), Image.Resampling.LANCZOS)


def take(browser: Browser, folder: Path) -> None:
    """Write all pictures; each theme has a server and results of its own, so that both show a run."""
    for theme in THEMES:
        with tempfile.TemporaryDirectory() as home, app_server.server(Path(home)) as address:
            for name, link in STILLS.items():
                page = browser.new_page(viewport=STILL_SIZE, color_scheme=theme)
                page.set_default_timeout(WAIT_MS)
                still(page, f"{address}/{link}", folder / f"{name}-{theme}.webp")
                page.close()
            page = browser.new_page(viewport=MOVING_SIZE, color_scheme=theme)
            page.set_default_timeout(WAIT_MS)
            moving(page, f"{address}/{RUN}", folder / f"{MOVING}-{theme}.webp")
            page.close()


def main() -> None:
    """Read the command line."""
    (folder,) = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with app_server.browser() as browser:
        take(browser, folder)


if __name__ == "__main__":
    main()
