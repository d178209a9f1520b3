"""What is added to every answer: headers that guard a page, and a name for each browser."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http.cookies import Morsel, SimpleCookie

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.serving.middleware import PERSON_COOKIE, SECURITY_HEADERS, YEAR_SECONDS, PersonCookie, SecurityHeaders


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """A page with a cookie and a policy of its own."""
    response = PlainTextResponse("hello", headers={"X-Content-Type-Options": "sniff"})
    response.set_cookie("theirs", "1")
    await response(scope, receive, send)


def messages(app: ASGIApp, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{scope['type']}.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def answered() -> None:
        await app(scope, receive, send)

    with ThreadPoolExecutor(1) as pool:  # a browser of other tests keeps a loop in this thread
        pool.submit(asyncio.run, answered()).result()
    return sent


def answer(app: ASGIApp, scheme: str = "http", **headers: str) -> Headers:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": scheme, "headers": raw, "query_string": b""}
    start, body, *_ = messages(app, scope)
    assert body["body"] == b"hello"
    return Headers(raw=start["headers"])


def person(headers: Headers) -> Morsel[str]:
    [cookie] = [text for text in headers.getlist("set-cookie") if text.startswith(PERSON_COOKIE)]
    return SimpleCookie(cookie)[PERSON_COOKIE]


def test_every_answer_has_each_header_once() -> None:
    headers = answer(SecurityHeaders(page))
    assert {name: headers.getlist(name) for name in SECURITY_HEADERS} == {
        name: [value] for name, value in SECURITY_HEADERS.items()
    }
    assert headers["set-cookie"].startswith("theirs=1")


def test_other_sites_may_frame_a_page_only_where_they_are_named() -> None:
    assert answer(SecurityHeaders(page))["content-security-policy"].endswith("; frame-ancestors 'self'")
    policy = answer(SecurityHeaders(page, ("https://a.example", "https://b.example")))["content-security-policy"]
    assert policy.endswith("; frame-ancestors 'self' https://a.example https://b.example")
    assert policy.startswith("default-src 'self'; ")


def test_the_name_goes_to_the_path_of_the_lab_alone() -> None:
    assert person(answer(PersonCookie(page, "/user/ada/lab")))["path"] == "/user/ada/lab"


def test_a_browser_without_a_name_gets_one_for_a_year() -> None:
    first, second = (answer(PersonCookie(page)) for _ in range(2))
    cookie = person(first)
    assert len(cookie.value) == 32
    assert cookie.value != person(second).value
    assert (cookie["max-age"], cookie["path"], cookie["samesite"].lower()) == (str(YEAR_SECONDS), "/", "lax")
    assert (cookie["httponly"], cookie["secure"]) == (True, "")
    assert len(first.getlist("set-cookie")) == 2, "that of the page stays"


@pytest.mark.parametrize(("scheme", "headers"), [("https", {}), ("http", {"x_forwarded_proto": "https"})])
def test_a_name_that_came_encrypted_is_only_sent_so(scheme: str, headers: dict[str, str]) -> None:
    assert person(answer(PersonCookie(page), scheme, **headers))["secure"] is True


def test_a_browser_keeps_its_name() -> None:
    headers = answer(PersonCookie(page), cookie=f"{PERSON_COOKIE}=me")
    assert [text.partition("=")[0] for text in headers.getlist("set-cookie")] == ["theirs"]


@pytest.mark.parametrize("middleware", [SecurityHeaders, PersonCookie])
def test_a_websocket_passes_as_it_is(middleware: type[SecurityHeaders] | type[PersonCookie]) -> None:
    accept: Message = {"type": "websocket.accept", "headers": []}

    async def socket(scope: Scope, receive: Receive, send: Send) -> None:
        await send(accept)

    assert messages(middleware(socket), {"type": "websocket", "headers": []}) == [accept]
