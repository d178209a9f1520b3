"""One browser for all browser tests."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

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
