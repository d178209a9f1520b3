"""How long a person waits for each page of the app: `python -m benchmarks.pages`.

Each page is opened by a link in a browser that has nothing of it yet, on a server that is warm (every page was open
once), and as the first page of a server that has answered just now. *Frame*: the browser has loaded Streamlit, and
nothing of ours is there yet. *Useful*: the page's heading and what stands under it. *Whole*: the script has ended and
everything is drawn, plots included. *Server*: processor seconds of the server's process, which other work on the
machine does not lengthen as it does the rest. *Again*: useful, by the same link in a browser that has Streamlit in its
cache. *Click*: useful, by a click in the navigation.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from benchmarks import report
from core.catalog.choices import resolve
from core.spec.experiment import parse_spec
from core.storage.runs import Store
from core.system.tables import markdown_table
from tests.browser import server as app_server
from tests.drawn import drawn_result
from tests.links import LINKS, PAGES

POINTS = 50_000
VIEWPORT = {"width": 1400, "height": 1000}
CROWD_ACTIONS = {
    "open": "to open the page",
    "colour": "to colour it by loss",
    "lasso": "to list what was lassoed",
    "frame": "to draw it once more while it is moved",
}
FRAMES = """window.frames_ = []; (function next() {
  window.frames_.push(performance.now()); requestAnimationFrame(next)
})()"""
MARKS = ("server", "frame", "useful", "whole")
WAYS = ("again", "click")
HEADING = "[data-testid=stMain] h1"
NAVIGATION = ":is([data-testid=stTopNav], [data-testid=stTopNavPopover])"
UNDER_IT = f"[data-testid=stMain] :is({', '.join(f'[data-testid={kind}]' for kind in ('stMarkdown', 'stHtml'))})"

Times = dict[str, float]


@contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """A page in a browser without cookies and caches."""
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.set_default_timeout(app_server.PAGE_MS)
    try:
        yield page
    finally:
        context.close()


def time_opening(browser: Browser, url: str) -> Times:
    """Seconds from asking for a page to each of the marks."""
    with fresh_page(browser) as page:
        spent, start = server_seconds(), time.perf_counter()
        page.goto(url, wait_until="commit")
        page.locator("[data-testid=stApp]").wait_for()
        times = {"frame": time.perf_counter() - start}
        page.locator(HEADING).first.wait_for()
        page.locator(UNDER_IT).first.wait_for()
        times["useful"] = time.perf_counter() - start
        app_server.settled(page)
        times["whole"] = time.perf_counter() - start
        times["server"] = server_seconds() - spent
    return times


def time_navigation(browser: Browser, address: str, names: Sequence[str]) -> dict[str, Times]:
    """Seconds until each page is useful in a browser with a warm cache: by its link, and by a click.

    Args:
        browser: the browser.
        address: of the server.
        names: of pages.
    """
    times: dict[str, Times] = {}
    with fresh_page(browser) as page:
        page.goto(f"{address}/{LINKS[names[0]]}")
        app_server.settled(page)
        for name in names:
            start = time.perf_counter()
            page.goto(f"{address}/{LINKS[name]}", wait_until="commit")
            page.locator(HEADING).first.wait_for()
            page.locator(UNDER_IT).first.wait_for()
            times[name] = {"again": time.perf_counter() - start}
            app_server.settled(page)
        page.goto(f"{address}/{LINKS['gallery' if names[0] == 'lab' else 'lab']}")
        app_server.settled(page)
        for name in names:
            if page.get_by_test_id("stTopNav").count() == 0:  # a page without navigation was before, as Present is
                page.goto(f"{address}/{LINKS['lab']}")
                app_server.settled(page)
            link = app_server.reveal(page, page.locator(NAVIGATION).locator(f'a[href*="/{name}"]'))
            previous = page.locator(HEADING).first.inner_text()
            start = time.perf_counter()
            link.click()
            page.locator(HEADING).filter(has_not_text=previous).first.wait_for()
            page.locator(UNDER_IT).first.wait_for()
            times[name]["click"] = time.perf_counter() - start
            app_server.settled(page)
    return times


def server_seconds() -> float:
    """Processor seconds of the server, which is a child of this process; of its workers, none."""
    (server,) = (child for child in psutil.Process().children() if "streamlit" in child.cmdline())
    return float(sum(server.cpu_times()[:2]))


def time_first_page(browser: Browser, name: str) -> Times:
    """A page as the first one of a server that answers since a moment."""
    with tempfile.TemporaryDirectory() as home, app_server.server(Path(home)) as address:
        return time_opening(browser, f"{address}/{LINKS[name]}")


def time_warm_pages(browser: Browser, names: Sequence[str], repeats: int) -> dict[str, list[Times]]:
    """Times of each page on a warm server, repeatedly and in turn.

    Args:
        browser: the browser.
        names: of pages.
        repeats: number of rounds.
    """
    with tempfile.TemporaryDirectory() as home, app_server.server(Path(home)) as address:
        end = time.monotonic() + app_server.START_SECONDS
        while app_server.status_of(f"{address}/ready") != 200 and time.monotonic() < end:
            time.sleep(0.2)
        rounds = []
        for _ in range(repeats + 1):
            fresh = {name: time_opening(browser, f"{address}/{LINKS[name]}") for name in names}
            known = time_navigation(browser, address, names)
            rounds.append({name: fresh[name] | known[name] for name in names})
    return {name: [times[name] for times in rounds[1:]] for name in names}


def time_large_map(browser: Browser, repeats: int) -> dict[str, list[float]]:
    """Seconds that the map of features takes with `POINTS` clean points, drawn at random."""
    spec = resolve(parse_spec({"attack": "label-flip", "train_size": POINTS, "test_size": 100}))
    times: dict[str, list[float]] = {name: [] for name in CROWD_ACTIONS}
    with tempfile.TemporaryDirectory() as home, app_server.server(Path(home)) as address:
        Store(Path(home) / "results", shipped=None).put(drawn_result(spec))
        for _ in range(repeats + 1):
            with fresh_page(browser) as page:
                start = time.perf_counter()
                page.goto(f"{address}/features?attack=label-flip&train={POINTS}&test=100", wait_until="commit")
                plot = page.locator(".js-plotly-plot")
                plot.locator(".gl-canvas").first.wait_for()
                app_server.settled(page)
                times["open"].append(time.perf_counter() - start)
                start = time.perf_counter()
                page.locator(".st-key-features-colour").get_by_text("Loss", exact=True).click()
                plot.locator(".colorbar").wait_for()
                times["colour"].append(time.perf_counter() - start)
                app_server.settled(page)
                box = plot.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
                corners = [(0.35, 0.3), (0.55, 0.3), (0.55, 0.5), (0.35, 0.5)]
                places = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in corners]
                times["frame"].append(time_dragging(page, places[0]))
                page.mouse.move(*places[0])
                page.mouse.down()
                for place in places[1:]:
                    page.mouse.move(*place, steps=5)
                start = time.perf_counter()
                page.mouse.up()
                page.get_by_text("lassoed").wait_for()
                times["lasso"].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in times.items()}


def time_dragging(page: Page, start: tuple[float, float]) -> float:
    """Seconds between two pictures while the map is dragged, of the slowest twentieth."""
    page.mouse.move(*start)
    page.locator(".modebar-btn[data-title=Pan]").click()
    page.mouse.move(*start)
    page.mouse.down()
    page.evaluate(FRAMES)
    for step in range(30):
        page.mouse.move(start[0] + 3 * step, start[1] + 2 * step)
    times = page.evaluate("window.frames_")
    page.mouse.up()
    page.locator(".modebar-btn[data-title='Lasso Select']").click()
    gaps = sorted(after - before for before, after in pairwise(times))
    return float(gaps[int(0.95 * len(gaps))]) / 1000


def pages_table(times_by_page: dict[str, list[Times]], firsts: dict[str, Times]) -> str:
    """Median and largest seconds of each page."""
    rows = [
        [
            name,
            *(_spread([time[mark] for time in times]) for mark in (*MARKS, *WAYS)),
            *(f"{firsts[name][mark]:.1f}" if name in firsts else "not measured" for mark in MARKS[2:]),
        ]
        for name, times in times_by_page.items()
    ]
    heads = [f"{mark.capitalize()}, s" for mark in (*MARKS, *WAYS)]
    return markdown_table(["Page", *heads, "First of a server: useful, s", "whole, s"], rows)


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({max(seconds):.2f})"


def main() -> None:
    """Measure; write benchmarks/README.md and pages.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="openings of each page on the warm server")
    parser.add_argument("--first", nargs="*", default=list(PAGES), help="pages to open first on a server of their own")
    parser.add_argument("--try", dest="only", nargs="*", help="only these pages; only prints")
    arguments = parser.parse_args()
    load = report.load()
    with app_server.browser() as browser:
        times_by_page = time_warm_pages(browser, arguments.only or PAGES, arguments.repeats)
        firsts = {name: time_first_page(browser, name) for name in arguments.first}
        crowd = time_large_map(browser, arguments.repeats)
    crowd_text = ", ".join(f"{action} {_spread(crowd[name])}" for name, action in CROWD_ACTIONS.items())
    text = "\n\n".join(
        [
            pages_table(times_by_page, firsts),
            f"The map of features with {POINTS:,} points, seconds: {crowd_text}.",
            f"Median (largest) of {arguments.repeats} each. On {report.machine()}. {load}",
        ]
    )
    print(text)
    if arguments.only is None:
        report.write(
            "pages",
            text,
            {"machine": report.machine(), "load": load, "warm": times_by_page, "first": firsts, "many": crowd},
        )


if __name__ == "__main__":
    main()
