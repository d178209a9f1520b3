"""What the server tells a browser, and what it refuses, over real HTTP; that pages keep it, `test_links` sees."""

import urllib.error
import urllib.request
from http.cookies import SimpleCookie

import pytest

from core.serving.middleware import PERSON_COOKIE

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
