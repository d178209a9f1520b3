"""The launcher: `streamlit run app.py`.

The interface is the script `pages/shell.py`; this module is the server around it. The two are apart because
Streamlit takes a `pages/` folder beside a script for its legacy pages: a deep link that is opened first on
a fresh server would then run no script at all.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from streamlit import config
from streamlit.runtime import get_instance as get_runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

# `streamlit run` puts the script's folder on the path, which is `pages`.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from core.serving import nodelay
from core.serving.middleware import PersonCookie, SecurityHeaders
from core.serving.uploads import UploadMemory
from core.system.errors import SettingError
from core.system.paths import ROOT
from core.system.settings import UploadLimits
from pages import _downloads, _sessions

log = logging.getLogger("poison_lab")


class UploadedFiles:
    """The uploaded files that Streamlit holds in memory."""

    def size(self) -> int:
        """Bytes that they take."""
        return sum(stat.byte_length for stats in self._manager().get_stats().values() for stat in stats)

    def remove(self, session_id: str, file_id: str) -> None:
        """Remove a file; a no-op if it is gone."""
        self._manager().remove_file(session_id, file_id)

    def _manager(self) -> MemoryUploadedFileManager:
        manager = get_runtime().uploaded_file_mgr
        assert isinstance(manager, MemoryUploadedFileManager)
        return manager


def limit_uploads() -> UploadLimits:
    """Let Streamlit take files as large as the page of uploads says; it has one limit for all files.

    Returns:
        The limits; the defaults where a setting is invalid, which the page shows.
    """
    try:
        limits = UploadLimits.read()
    except SettingError as error:
        log.error("%s", error)
        limits = UploadLimits()
    config.set_option("server.maxUploadSize", limits.largest + 1)  # for the lines of the form around a file
    return limits


def start() -> None:
    """Import the modules of pages, then start the worker processes, which import the modules of runs.

    In this order: on a small machine the workers would otherwise delay the first page.
    """
    from core.system import logs
    from core.system.settings import log_form

    logs.setup(log_form())
    _warn_if_open()
    _load_plugins()
    from pages import _warm

    _warm.warm()
    from core.serving.engine import get_engine

    get_engine().warm_up()
    _judge_on()
    # Modules are never freed: the garbage collector need not traverse them while everyone waits.
    gc.collect()
    gc.freeze()


def _judge_on() -> None:
    """Let submissions be judged that were confirmed before this server started; pages start it else."""
    from core.challenge import referee
    from core.system.paths import challenges

    if challenges().is_dir():
        referee.start()


def _load_plugins() -> None:
    """Load the plug-ins of `POISON_LAB_PLUGINS`; log what is wrong with them, as every page shows it."""
    from core.catalog import plugins
    from core.system.errors import PluginError

    try:
        plugins.load_from_environment()
    except PluginError as error:
        log.error("%s", error)


def _warn_if_open() -> None:
    """Log a warning where the server accepts connections from other machines without a login."""
    from pages import _login, _runs

    address = st.get_option("server.address")
    try:
        if address not in _runs.LOOPBACK and not _login.is_required():
            log.warning(
                "Anyone who can reach port %s of %s can use the lab: there is no login",
                st.get_option("server.port"),
                address,
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
    nodelay.enable_nodelay()
    _downloads.keep()
    _sessions.keep()
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
        text = await asyncio.to_thread(metrics_text)
    except (PoisonLabError, OSError) as error:
        return PlainTextResponse(f"{error}\n", status_code=503)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def metrics_text() -> str:
    """The metrics of this server; starts no engine."""
    from core.serving.engine import current
    from core.serving.metrics import as_text, measure

    return as_text(measure(current()))


def base_path() -> str:
    """The path that the lab lies under, such as "/lab", by Streamlit's `server.baseUrlPath`; "" at the root."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def framing_sites() -> tuple[str, ...]:
    """The sites that may show the lab in a frame; none where the setting can't be read, which is logged."""
    from core.system.errors import SettingError
    from core.system.settings import frame_ancestors

    try:
        return frame_ancestors()
    except SettingError as error:
        log.error("%s", error)
        return ()


def routes(base: str) -> list[Route]:
    """The routes beside the pages, under the path that a proxy forwards, and at the root for checks on this machine."""
    return [Route(f"{at}{path}", do) for at in {base, ""} for path, do in (("/ready", ready), ("/metrics", metrics))]


app = st.App(
    ROOT / "pages" / "shell.py",
    lifespan=lifespan,
    routes=routes(base_path()),
    middleware=[
        Middleware(SecurityHeaders, frame_ancestors=framing_sites()),
        Middleware(PersonCookie, path=base_path() or "/"),
        Middleware(UploadMemory, files=UploadedFiles(), limit=limit_uploads().memory << 20),
    ],
)
