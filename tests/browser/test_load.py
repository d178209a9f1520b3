"""The students of the load test beside a real browser: the same messages come, the same states of widgets go."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.load.protocol import Tab
from tests.browser.server import settled

pytestmark = pytest.mark.browser
LINK = "lab?attack=ft-matching&budget=5"


def test_students_say_and_hear_what_a_browser_does(page: Page, address: str) -> None:
    heard: set[str] = set()
    said: list[BackMsg] = []

    def hear(data: str | bytes) -> None:
        heard.add(ForwardMsg.FromString(bytes(data, "latin1") if isinstance(data, str) else data).WhichOneof("type"))

    def say(data: str | bytes) -> None:
        said.append(BackMsg.FromString(bytes(data, "latin1") if isinstance(data, str) else data))

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", hear)
        socket.on("framesent", say)

    page.on("websocket", listen)
    page.goto(f"{address}/{LINK}")
    settled(page)
    page.locator(".st-key-lab-show").wait_for()
    page.locator(".st-key-ask-budget").get_by_role("slider").press("ArrowRight")
    page.wait_for_url("**budget=5.5*")
    settled(page)

    kinds: list[str] = []
    states: dict[str, bytes] = {}

    async def visit() -> None:
        tab = Tab(address, pytest.fail, kinds=kinds)
        await tab.open(LINK)
        slider = tab.widget("ask-budget")
        assert slider is not None
        await tab.set(slider, [5.5])
        assert "budget=5.5" in tab.query
        states.update({name: state.SerializeToString() for name, state in tab.states.items()})
        await tab.quit()

    with ThreadPoolExecutor(1) as thread:  # Playwright has a loop in this one
        thread.submit(asyncio.run, visit()).result()
    assert set(kinds) - {"ref_hash"} == heard - {"ref_hash"}
    sent = said[-1].rerun_script
    assert states == {state.id: state.SerializeToString() for state in sent.widget_states.widgets}
    assert sent.query_string == "attack=ft-matching&budget=5"
    assert len(sent.cached_message_hashes) > 0
