"""What a page's script has drawn reaches the browser, though another part of the page is asked for in that moment."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime import Runtime, RuntimeConfig, SessionClient, websocket_session_manager
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.state import SessionState

from pages import _sessions

SCRIPT = """
import time

import streamlit as st

@st.fragment
def part(name):
    if name in st.session_state.get("slow", ""):
        st.session_state.began = True
        time.sleep(0.3)
    st.button(f"press {name}", key=name, on_click=lambda: st.session_state.pressed.append(name))
    st.text(f"{name} {st.session_state.runs} {''.join(st.session_state.pressed)}")

st.session_state.setdefault("pressed", [])
st.session_state.runs = st.session_state.get("runs", 0) + 1
st.text(f"page {st.session_state.runs}")
part("a")
part("b")
"""
SECONDS = 30.0


def run(task: Coroutine[None, None, None]) -> None:
    """Run it on an event loop of its own: the tests of this process may be on one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, task).result()


class Browser(SessionClient):
    """What a browser gets of one session, and what it asks for."""

    client_context = None

    def __init__(self, server: Runtime) -> None:
        self._server = server
        self.texts: list[str] = []
        self.parts: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.ends: list[tuple[object, ...]] = []
        self.is_running = False
        self._id = server.connect_session(self, {})
        info = server._session_mgr.get_session_info(self._id)
        assert info is not None
        self._session = info.session

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        if msg.HasField("delta") and msg.delta.new_element.HasField("text"):
            text = msg.delta.new_element.text.body
            self.texts.append(text)
            self.parts[text.split()[0]] = msg.delta.fragment_id
        if msg.HasField("delta") and msg.delta.new_element.HasField("button"):
            button = msg.delta.new_element.button
            self.buttons[button.label.removeprefix("press ")] = button.id
        if msg.WhichOneof("type") == "script_finished":
            self.ends.append((msg.script_finished, *msg.metadata.run.fragment_ids))
        if msg.HasField("session_status_changed"):
            self.is_running = msg.session_status_changed.script_is_running

    def ask(self, part: str = "page", pressed: str = "") -> None:
        """Ask for the page or for a part of it; press a button."""
        request = BackMsg()
        request.rerun_script.fragment_id = self.parts.get(part, "")
        if pressed:
            request.rerun_script.widget_states.widgets.append(WidgetState(id=self.buttons[pressed], trigger_value=True))
        self._server.handle_backmsg(self._id, request)

    @property
    def state(self) -> SessionState:
        """What the page's script remembers."""
        return self._session.session_state

    def end(self) -> None:
        """Wait until the script has ended, while the server is so busy that it passes nothing on."""
        runner = self._session._scriptrunner
        limit = time.monotonic() + SECONDS
        while runner._script_thread.is_alive():
            assert time.monotonic() < limit
            time.sleep(0.001)

    async def gets(self, *texts: str) -> None:
        """Wait until all of it has come, and nothing runs any more."""
        limit = time.monotonic() + SECONDS
        while self.is_running or not set(texts) <= set(self.texts):
            assert time.monotonic() < limit, self.texts
            await asyncio.sleep(0.01)


Act = Callable[[Browser], Coroutine[None, None, None]]
Serve = Callable[[Act], None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Open the page in a browser and do something with it."""
    monkeypatch.setattr(websocket_session_manager, "AppSession", AppSession)
    monkeypatch.setattr(Runtime, "_instance", None)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    async def served(act: Act) -> None:
        _sessions.keep()
        server = Runtime(RuntimeConfig(str(script), MemoryMediaFileStorage("/media"), MemoryUploadedFileManager("/up")))
        await server.start()
        try:
            browser = Browser(server)
            browser.ask()
            await browser.gets("page 1", "a 1", "b 1")
            browser.texts.clear()
            await act(browser)
        finally:
            server.stop()
            await server.stopped

    return lambda act: run(served(act))


def test_a_part_that_was_drawn_as_another_is_asked_for(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.ask("a")
        browser.end()
        browser.ask("b")
        await browser.gets("a 1", "b 1")
        assert browser.texts == ["a 1", "b 1"]

    serve(act)


def test_a_page_that_was_drawn_as_a_part_is_asked_for(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.ask()
        browser.end()
        browser.ask("b")
        await browser.gets("page 2", "a 2", "b 2")

    serve(act)


def test_presses_that_come_meanwhile_are_done(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.ask("a", pressed="a")
        browser.end()
        browser.ask("b", pressed="b")
        browser.ask("a")
        await browser.gets("a 1 ab", "b 1 ab")

    serve(act)


def test_a_press_is_not_lost_as_the_page_is_asked_for(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.ask("a")
        browser.end()
        browser.ask("b", pressed="b")
        browser.ask()
        await browser.gets("page 2", "a 2 b", "b 2 b")

    serve(act)


def test_a_press_that_waits_is_not_lost_as_the_page_is_asked_for(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.state["slow"] = "a"
        browser.ask("a")
        while "began" not in browser.state:
            await asyncio.sleep(0.01)
        browser.ask("b", pressed="b")
        browser.ask()
        await browser.gets("page 2", "a 2 b", "b 2 b")

    serve(act)


def test_a_part_that_was_drawn_is_not_said_to_be_broken_off_by_the_next(serve: Serve) -> None:
    async def act(browser: Browser) -> None:
        browser.ends.clear()
        for name in "abab":
            browser.ask(name)
            browser.end()
        await browser.gets("a 1", "b 1")
        assert browser.ends
        assert {how for how, *_ in browser.ends} == {ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}

    serve(act)
