"""One browser and one server of the app for all browser tests of a worker; a server of its own where a test asks."""

import os
from collections.abc import Iterator
from pathlib import Path

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
    expect.set_options(timeout=app_server.PAGE_MS)
    with app_server.browser(*app_server.FOR_SECONDS) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def window(browser: Browser) -> app_server.Tabs:
    return app_server.Tabs(browser)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server that most tests share, with two runs at a time; the store holds what other tests have run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_WORKERS", "2")
        with app_server.server(tmp_path_factory.mktemp("home")) as url:
            yield url


@pytest.fixture
def fresh_address(tmp_path: Path) -> Iterator[str]:
    """A server on which nobody has opened a page yet."""
    with app_server.server(tmp_path) as url:
        yield url


@pytest.fixture
def tabs(window: app_server.Tabs) -> Iterator[app_server.Tabs]:
    """Opens pages, which are closed at the end of the test."""
    yield window
    window.close()


@pytest.fixture
def page(tabs: app_server.Tabs) -> Page:
    return tabs.open()
