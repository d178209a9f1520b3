"""The server around the pages: what it answers beside them, and how it starts and ends."""

import asyncio
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from starlette.responses import PlainTextResponse
from streamlit import config

import app
from core.serving import engine as engine_module
from core.serving import nodelay
from core.system.errors import EngineError
from core.system.paths import STREAMLIT_CONFIG
from core.system.settings import UploadLimits
from tests.serving.test_metrics import parsed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def answered() -> PlainTextResponse:
    """What the route says, asked in a thread of its own: a browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, app.metrics(None)).result()  # type: ignore[arg-type]


def test_the_server_answers_in_the_format_or_says_what_is_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_engine", None)
    answer = answered()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert parsed(bytes(answer.body).decode())["poison_lab_up"] == 0
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "much")
    answer = answered()
    assert answer.status_code == 503
    assert bytes(answer.body).startswith(b"POISON_LAB_STORE_MEGABYTES is 'much'; allowed")


class FakeEngine:
    """An engine whose cluster is there, or not."""

    def __init__(self, *, alive: bool) -> None:
        self.alive = alive


@pytest.mark.parametrize("failed", [False, True], ids=["started", "failed at first"])
@pytest.mark.parametrize(
    ("engine", "status"),
    [(FakeEngine(alive=True), 200), (FakeEngine(alive=False), 503), (None, 503)],
    ids=["there", "ended", "none"],
)
def test_ready_tells_whether_runs_can_start(
    engine: FakeEngine | None, status: int, failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_engine", engine)

    async def started() -> None:
        if failed:
            raise EngineError("No scheduler answers.")

    async def asked() -> int:
        starting = asyncio.create_task(started())
        await asyncio.wait([starting])
        monkeypatch.setattr(app.app, "_state", {"engine": starting}, raising=False)
        answer = await app.ready(None)  # type: ignore[arg-type]
        if failed and engine is None:
            assert b"No scheduler answers." in bytes(answer.body)
        return answer.status_code

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, asked()).result() == status


@pytest.mark.parametrize("failed", [False, True], ids=["started", "failed at first"])
def test_the_end_of_the_server_ends_the_engine_that_is_there(failed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[FakeEngine] = []
    engine = FakeEngine(alive=True)
    monkeypatch.setattr(FakeEngine, "close", lambda self: closed.append(self), raising=False)
    monkeypatch.setattr(nodelay, "enable_nodelay", lambda: None)

    def start() -> None:
        if failed:
            raise EngineError("No scheduler answers.")

    monkeypatch.setattr(app, "start", start)

    async def lived() -> None:
        async with app.lifespan(app.app):
            monkeypatch.setattr(engine_module, "_engine", engine)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, lived()).result()
    assert closed == [engine]


def test_streamlit_takes_files_as_large_as_the_page_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One number: the configuration has none of its own, which would refuse by a bare status what the page allows."""
    before = st.get_option("server.maxUploadSize")
    try:
        monkeypatch.setenv("POISON_LAB_IMAGE_UPLOAD_MEGABYTES", "70")
        monkeypatch.setenv("POISON_LAB_WEIGHTS_UPLOAD_MEGABYTES", "90")
        assert app.limit_uploads() == UploadLimits(70, 90, 2000)
        assert st.get_option("server.maxUploadSize") == 91, "a form is a little larger than its file"
        monkeypatch.setenv("POISON_LAB_WEIGHTS_UPLOAD_MEGABYTES", "many")
        assert app.limit_uploads() == UploadLimits(500, 2000, 2000)
        assert "POISON_LAB_WEIGHTS_UPLOAD_MEGABYTES is 'many'" in caplog.text
    finally:
        config.set_option("server.maxUploadSize", before)
    assert "maxUploadSize" not in tomllib.loads(STREAMLIT_CONFIG.read_text())["server"]


def test_a_broken_plugin_is_logged_when_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("RECORD = 1 / 0\n")
    monkeypatch.setenv("POISON_LAB_PLUGINS", str(path))
    app._load_plugins()
    assert [record.getMessage() for record in caplog.records if record.name == "poison_lab"] == [
        f"Plug-in {path}, line 1: ZeroDivisionError: division by zero."
    ]


def test_routes_are_under_the_path_and_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    at = {route.path: route.endpoint for route in app.routes("/user/ada")}
    assert at == {
        "/ready": app.ready,
        "/metrics": app.metrics,
        "/user/ada/ready": app.ready,
        "/user/ada/metrics": app.metrics,
    }
    assert sorted(route.path for route in app.routes("")) == ["/metrics", "/ready"]
    for given, path in (("", ""), ("lab", "/lab"), ("/a/b/", "/a/b")):
        monkeypatch.setattr(app.st, "get_option", {"server.baseUrlPath": given}.__getitem__)
        assert app.base_path() == path


def test_a_site_that_cannot_be_read_frames_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POISON_LAB_FRAME_ANCESTORS", "https://huggingface.co")
    assert app.framing_sites() == ("https://huggingface.co",)
    monkeypatch.setenv("POISON_LAB_FRAME_ANCESTORS", "everybody")
    assert app.framing_sites() == ()
    assert "POISON_LAB_FRAME_ANCESTORS is 'everybody'; allowed: origins such as" in caplog.text
