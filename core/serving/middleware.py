"""Middleware of the web server: security headers, and a cookie that identifies each browser."""

import uuid
from collections.abc import Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PERSON_COOKIE = "poison_lab_person"
"""Name of the cookie with the random id by which the engine knows a browser."""
YEAR_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = (
    # Streamlit's page contains an inline script, and Plotly's WebGL scatter plots compile code.
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
    """Adds headers that restrict pages to their own origin and forbid framing by other sites.

    Args:
        app: the application around which this is.
        frame_ancestors: origins of other sites that may show a page in a frame all the same.
    """

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str] = ()) -> None:
        self.app = app
        policy = " ".join([CONTENT_SECURITY_POLICY, *frame_ancestors])  # its last directive is that of frames
        self.headers = {**SECURITY_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the headers of HTTP responses; websockets are passed through."""
        if scope["type"] == "http":
            send = _with_headers(send, lambda headers: headers.update(self.headers))
        await self.app(scope, receive, send)


class PersonCookie:
    """Gives each browser a random id, so that the engine schedules fairly and runs can be cancelled after a reload.

    Args:
        app: the application around which this is.
        path: under which browsers send the id back, so that other programs on the host don't see it.
    """

    def __init__(self, app: ASGIApp, path: str = "/") -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the cookie to responses to a browser that has none."""
        if scope["type"] == "http" and PERSON_COOKIE not in Request(scope).cookies:
            cookie = _person_cookie(Request(scope), self.path)
            send = _with_headers(send, lambda headers: headers.append("Set-Cookie", cookie))
        await self.app(scope, receive, send)


def _with_headers(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """Wrap `send` so that it changes the headers of a response."""

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return send_changed


def _person_cookie(request: Request, path: str) -> str:
    """A new id, valid for a year; marked secure if the page was requested over HTTPS."""
    response = Response()
    response.set_cookie(
        PERSON_COOKIE,
        uuid.uuid4().hex,
        max_age=YEAR_SECONDS,
        path=path,
        httponly=True,
        samesite="lax",
        secure="https" in (request.scope["scheme"], request.headers.get("x-forwarded-proto")),
    )
    return response.headers["set-cookie"]
