"""The launcher: `streamlit run app.py`.

The interface is the script `pages/shell.py`; this module is the server around it. The two are apart because
Streamlit takes a `pages/` folder beside a script for its legacy pages: a deep link that is opened first on
a fresh server would then run no script at all.
"""

import asyncio
import gc
import logging
import os
import socket
import stat
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parent
PERSON_COOKIE = "poison_lab_person"
YEAR_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = (
    # Streamlit's page has a script in it, and Plotly's fast scatter plots compile theirs.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "media-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)

log = logging.getLogger("poison_lab")

if str(ROOT) not in sys.path:  # `streamlit run` puts the script's folder there, which is `pages`
    sys.path.insert(0, str(ROOT))


def start() -> None:
    """Import what pages need, then start the worker processes and let them import what runs need.

    One after the other: on a small machine the workers would else take the time of the first page.
    """
    from core.system import logs
    from core.system.settings import log_form

    logs.setup(log_form())
    _warn_if_open()
    from pages import _warm

    _warm.warm()
    from core.serving.engine import get_engine

    get_engine().warm_up()
    # Modules stay: the garbage collector need not go through them again and again while everyone waits.
    gc.collect()
    gc.freeze()


def send_at_once() -> None:
    """Have all connections send what they have: Streamlit's socket else holds a small answer back until the browser has
    confirmed the one before, which takes it 40 ms."""
    for name in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # closed since, or a socket of another kind
            if not stat.S_ISSOCK(os.fstat(name).st_mode):
                continue
            with socket.socket(fileno=os.dup(name)) as listener:
                if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it


def _warn_if_open() -> None:
    """Say it where the door is open to more than this machine and nobody has to log in."""
    from core.system.errors import SettingError
    from pages import _login, _runs

    address = st.get_option("server.address")
    try:
        if address not in _runs.LOOPBACK and not _login.wanted():
            log.warning(
                "Whoever reaches port %s of %s can use the lab: no login", st.get_option("server.port"), address
            )
    except SettingError as error:
        log.error("%s", error)


def stop_engine() -> None:
    """Cancel what is in flight and end the worker processes."""
    from core.serving.engine import current

    engine = current()
    if engine is not None:
        engine.close()


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    """Warm the pages and the engine up beside the server, so that the first page does not wait for them."""
    send_at_once()
    starting = asyncio.create_task(asyncio.to_thread(start))
    try:
        yield {"engine": starting}
    finally:
        await asyncio.wait([starting])
        if starting.exception() is not None:
            log.error("The engine did not start: %s", starting.exception())
        await asyncio.to_thread(stop_engine)  # a page may have started one since


async def ready(request: Request) -> JSONResponse:
    """Whether runs can start: 200, else 503 with what is missing."""
    starting = app.state.get("engine")
    if not isinstance(starting, asyncio.Task) or not starting.done():
        return JSONResponse({"ready": False, "engine": "starting"}, status_code=503)
    from core.serving.engine import current

    engine = current()
    if engine is not None and engine.alive:  # though the first one may not have started: a page tries again
        return JSONResponse({"ready": True, "engine": "running"})
    error = starting.exception()
    missing = "ended; the next page starts another" if error is None else str(error)
    return JSONResponse({"ready": False, "engine": missing}, status_code=503)


async def metrics(request: Request) -> PlainTextResponse:
    """Queue, runs, disk and memory in the text format of Prometheus."""
    from core.system.errors import PoisonLabError

    try:
        text = await asyncio.to_thread(measured)
    except (PoisonLabError, OSError) as error:
        return PlainTextResponse(f"{error}\n", status_code=503)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def measured() -> str:
    """The metrics of this server; starts no engine."""
    from core.serving.engine import current
    from core.serving.metrics import as_text, measure

    return as_text(measure(current()))


class PersonCookie:
    """Gives each browser a random name, so that the engine shares out its time fairly and a person who
    reloads the page can still cancel the runs that they started."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the cookie to answers to a browser that has none."""
        if scope["type"] != "http" or PERSON_COOKIE in Request(scope).cookies:
            await self.app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{PERSON_COOKIE}={uuid.uuid4().hex}; Max-Age={YEAR_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
                is_secure = "https" in (scope["scheme"], Request(scope).headers.get("x-forwarded-proto"))
                header = (b"set-cookie", f"{cookie}; Secure".encode() if is_secure else cookie.encode())
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        await self.app(scope, receive, send_with_cookie)


class Headers:
    """Tells browsers what a page of the lab may do: nothing from or to another place, and in no other site's frame."""

    HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    )

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to answers of HTTP; the websocket passes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self.HEADERS}
                others = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
                message = {**message, "headers": [*others, *self.HEADERS]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


app = st.App(
    ROOT / "pages" / "shell.py",
    lifespan=lifespan,
    routes=[Route("/ready", ready), Route("/metrics", metrics)],
    middleware=[Middleware(Headers), Middleware(PersonCookie)],
)
