"""A real server of the app and a real browser, for the browser tests and for screenshots."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, sync_playwright

from core.system import paths

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
)
FOR_SECONDS = ("--disable-features=ScriptStreaming", "--js-flags=--no-opt")
"""Of a browser whose pages live for seconds: no script is parsed ahead by another thread, and none is compiled again to
run faster, which would take 4 % of the processor time of the tests."""
START_SECONDS = 60
Theme = Literal["light", "dark"]
SIZE: ViewportSize = {"width": 1400, "height": 1000}
FADE_MS = 150  # within which what fades has begun to
STILL = """() => document.getAnimations().every(
    (animation) => animation.playState !== "running" || animation.effect.getComputedTiming().endTime === Infinity)"""
PAGE_MS = 60_000  # a page takes a second; a machine that does much else besides needs patience


CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""By preference: the shell is the same engine without the windows of a browser, and draws a page of the app in half the
processor time (3.6 s for 7.0 on two cores without a GPU)."""


def chromium_path() -> str | None:
    """The Chromium of this machine: `CHROMIUM`, or one on the path."""
    found = map(shutil.which, CHROMIUMS)
    return os.environ.get("CHROMIUM") or next(filter(None, found), None)


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """A headless Chromium, with `more` arguments."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGS, *more])
        try:
            yield chromium
        finally:
            chromium.close()


class Tabs:
    """Pages that open fast, for tests after one another: each is of a new person who has stored nothing.

    They share a process, which has compiled Streamlit's scripts and the app's once they have run in it: the second
    opening of a page takes half the processor time of the first (2.2 for 4.0 s). It lives as long as it has a page,
    and so one stays open that shows nothing.
    """

    def __init__(self, chromium: Browser) -> None:
        self._context: BrowserContext = chromium.new_context(viewport=SIZE)
        self._context.set_default_timeout(PAGE_MS)
        self._opened: list[Page] = []
        self._stays = self._context.new_page()
        site = "http://127.0.0.1/"
        self._stays.route(site, lambda route: route.fulfill(body="", content_type="text/html"))
        self._stays.goto(site)
        self._stored = self._context.new_cdp_session(self._stays)

    def open(self, width: int = SIZE["width"], height: int = SIZE["height"], theme: Theme = "light") -> Page:
        """A page that shows nothing yet."""
        page = self._context.new_page()
        self._opened.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        return page

    def close(self) -> None:
        """Close all pages, and forget who was there."""
        for page in self._opened:
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
            page.close()
            self._stored.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
        self._opened.clear()
        self._context.clear_cookies()


@contextmanager
def server(home: Path, port: int = 0, base: str = "", log: str = "server.log", **variables: str) -> Iterator[str]:
    """The app on a free port, or a given one, with results in `home`.

    Args:
        home: folder for results; several servers may share it.
        port: to listen on; 0 for a free one.
        base: path under which the app lies, such as "/lab".
        log: name of the file in `home` for what it prints.
        variables: of the environment, beside those of this process.

    Yields:
        Its address, once it answers.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    if base:
        command += ["--server.baseUrlPath", base]
    env = {**paths.environment(home), **variables}
    with running(command, ROOT, env, port, home / log, base) as address:
        yield address


@contextmanager
def running(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], port: int, log: Path, base: str = ""
) -> Iterator[str]:
    """A command that serves the app on a port of this machine.

    Args:
        command: that starts it.
        cwd: the folder that it runs in.
        env: its environment.
        port: that it listens on.
        log: the file for what it prints.
        base: path under which the app lies.

    Yields:
        Its address, once it answers.
    """
    address = f"http://127.0.0.1:{port}{base}"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(f"{address}/_stcore/health", process, log)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def settled(page: Page) -> None:
    """Wait until the page's script has ended and everything that it sent is drawn."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")


def still(page: Page) -> None:
    """Wait until nothing fades or moves any more, but what moves without end."""
    page.wait_for_timeout(FADE_MS)
    page.wait_for_function(STILL)


def shown(place: Page | Locator, text: str | re.Pattern[str], *, exact: bool = False) -> Locator:
    """What shows these words; not the region that says them again to a screen reader."""
    return place.get_by_text(text, exact=exact).and_(place.locator(":not(#spoken)"))


def go(page: Page, name: str) -> None:
    """Go to a page by the navigation, as a person does."""
    link = page.get_by_test_id("stTopNav").get_by_role("link", name=name, exact=True)
    reveal(page, link.or_(menu_item(page, name))).click()


def menu_item(page: Page, name: str) -> Locator:
    """A page in an open group of the navigation."""
    return page.get_by_role("menuitem", name=name, exact=True)


def reveal(page: Page, link: Locator) -> Locator:
    """A link of the navigation, after opening its group where it is in one."""
    page.get_by_test_id("stTopNav").wait_for()  # a page that is reloaded has none at first
    for group in page.get_by_test_id("stTopNavSection").all():
        if link.count():
            break
        group.click()
        page.get_by_test_id("stTopNavPopover").wait_for()
        if not link.count():
            page.keyboard.press("Escape")
    return link.first


def status_of(url: str) -> int:
    """The HTTP status of an address; 0 where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if status_of(url) == 200:
            return
        if process.poll() is not None:
            raise RuntimeError(f"the server ended while starting: {log.read_text()[-2000:]}")
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer within {START_SECONDS} s")


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
