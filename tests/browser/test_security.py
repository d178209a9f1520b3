"""What the server tells a browser, and what it refuses, over real HTTP."""

import urllib.error
import urllib.request
from http.cookies import SimpleCookie

import pytest
from playwright.sync_api import Page, expect

from core.serving.middleware import PERSON_COOKIE
from tests.browser.server import settled
from tests.links import LINKS

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", ["", "lab", "ready", "_stcore/health"])
def test_every_answer_has_the_headers(address: str, path: str) -> None:
    try:
        answer = urllib.request.urlopen(f"{address}/{path}", timeout=60)
    except urllib.error.HTTPError as error:  # not ready yet
        answer = error
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    [cookie] = [text for text in answer.headers.get_all("Set-Cookie") if text.startswith(PERSON_COOKIE)]
    person = SimpleCookie(cookie)[PERSON_COOKIE]
    assert (person["httponly"], person["samesite"].lower(), person["path"]) == (True, "lax", "/")


def test_an_upload_without_the_token_is_refused(address: str) -> None:
    request = urllib.request.Request(f"{address}/_stcore/upload_file/x/y", b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 403


@pytest.mark.parametrize("name", ["lab", "features", "compare", "sweep", "bring"])
def test_no_page_breaks_the_policy(page: Page, address: str, name: str) -> None:
    broken: list[str] = []
    page.on("console", lambda told: broken.append(told.text) if "Content Security Policy" in told.text else None)
    page.goto(f"{address}/{LINKS[name]}")
    expect(page.get_by_role("heading").first).to_be_visible()
    settled(page)
    assert broken == []
