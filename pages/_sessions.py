"""Lets all that a page's script has drawn reach the browser, however soon the next part of the page is asked for.

Streamlit runs a session's script in a thread that ends when nothing more is asked for; what it drew waits on the
server's event loop. Where a part of the page (a fragment) is asked for just then, Streamlit starts another thread and
drops what the one before left waiting: of four folds opened at once on a busy server, one stayed empty in 1 of 7 tries,
and a page that refreshes a part of itself each second may stay as it was before a press. Where the whole page is asked
for, it drops the presses that wait for the script to end, too. And where two parts are drawn one right after the other,
it tells the browser that the first was broken off, which then keeps on the page what that part no longer has.
(`streamlit.runtime.app_session.AppSession.request_rerun`, `._handle_scriptrunner_event_on_event_loop`,
`._clear_queue`.)
"""

from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime import websocket_session_manager
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType


class Session(AppSession):
    """A session of the browser in which the next script waits until all that the last one drew is on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._asked: list[RerunData] = []
        super().__init__(*args, **kwargs)

    def request_rerun(self, client_state: ClientState | None) -> None:
        runner = self._scriptrunner
        if runner is not None and not (client_state and client_state.fragment_id):
            self._asked += stopped(runner)  # the whole page is asked for
        super().request_rerun(client_state)

    def request_script_stop(self) -> None:
        self._asked = []
        super().request_script_stop()

    def _create_scriptrunner(self, initial_rerun_data: RerunData) -> None:
        self._asked.append(initial_rerun_data)
        if self._scriptrunner is None:  # else it takes no more, and what it has drawn may still wait on the loop
            self._run_asked()

    def _run_asked(self) -> None:
        joined = ScriptRequests()  # Streamlit's own rules, by which no press is lost
        for data in self._asked:
            joined.request_rerun(data)
        super()._create_scriptrunner(joined.on_scriptrunner_ready().rerun_data)
        self._asked = []

    def _clear_queue(self, fragment_ids_this_run: list[str] | None = None) -> None:
        if fragment_ids_this_run is None:  # the whole page: it replaces all that is there
            super()._clear_queue()
        else:
            self._browser_queue._delta_index_map = {}  # what it draws follows what waits, and replaces none of it

    def _handle_scriptrunner_event_on_event_loop(self, *args: Any, **kwargs: Any) -> None:
        super()._handle_scriptrunner_event_on_event_loop(*args, **kwargs)
        if self._asked and self._scriptrunner is None and self._state != AppSessionState.SHUTDOWN_REQUESTED:
            self._run_asked()


def stopped(runner: ScriptRunner) -> list[RerunData]:
    """Stop a thread; what was asked of it and not begun: parts of a page, and the presses that are theirs."""
    requests = runner._requests
    with requests._lock:  # at once, so that it does not begin with what another thread is to do
        asked = [requests._rerun_data] if requests._state is ScriptRequestType.RERUN else []
        requests._state = ScriptRequestType.STOP
    return asked


def keep() -> None:
    """Let every session of the server that begins from now on be such a one."""
    websocket_session_manager.AppSession = Session  # type: ignore[attr-defined]
