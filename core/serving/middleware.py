"""What the web server adds to every answer of HTTP: headers that guard a page, and a name for each browser."""

import uuid
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PERSON_COOKIE = "poison_lab_person"
"""Under which a browser keeps the random name that the engine knows it by."""
YEAR_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = (
    # Streamlit's page has a script in it, and Plotly's fast scatter plots compile theirs.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "media-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


class SecurityHeaders:
    """Tells browsers what a page of the lab may do: nothing from or to another place, and in no other site's frame."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the headers of answers of HTTP; the websocket passes."""
        if scope["type"] == "http":
            send = _with_headers(send, lambda headers: headers.update(SECURITY_HEADERS))
        await self.app(scope, receive, send)


class PersonCookie:
    """Gives each browser a random name, so that the engine shares out its time fairly and a person who
    reloads the page can still cancel the runs that they started."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the cookie to answers to a browser that has none."""
        if scope["type"] == "http" and PERSON_COOKIE not in Request(scope).cookies:
            send = _with_headers(send, lambda headers: headers.append("Set-Cookie", _person_cookie(Request(scope))))
        await self.app(scope, receive, send)


def _with_headers(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """A `send` that has the headers of an answer changed before they go."""

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return send_changed


def _person_cookie(request: Request) -> str:
    """A new name, for a year; not sent without encryption where the page came with it."""
    response = Response()
    response.set_cookie(
        PERSON_COOKIE,
        uuid.uuid4().hex,
        max_age=YEAR_SECONDS,
        httponly=True,
        samesite="lax",
        secure="https" in (request.scope["scheme"], request.headers.get("x-forwarded-proto")),
    )
    return response.headers["set-cookie"]
