"""One browser for all browser tests, and a server for those of each file."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import server as app_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if app_server.chromium_path() is None:
        message = "NO CHROMIUM: the app was not tested in a browser; install it or set CHROMIUM=/path"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with app_server.browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_server.server(tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(app_server.PAGE_MS)
    expect.set_options(timeout=app_server.PAGE_MS)
    yield page
    page.close()
