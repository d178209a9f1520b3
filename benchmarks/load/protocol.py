"""A browser's side of Streamlit: pages and images by HTTP, then messages over a websocket.

A tab keeps what a browser keeps: cookies, files that never change, the elements on the page, the state of every widget,
timers of fragments, and large messages that the server then sends by their hash alone. It draws nothing.
"""

import asyncio
import http.client
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

ANSWER_SECONDS = 60.0
"""A page or a change that takes longer is an error."""
HTTP_SECONDS = 30.0
CONNECTIONS = 6
"""Of a browser to one server, for HTTP."""
MESSAGE_BYTES = 2**28
XSRF_COOKIE = "_streamlit_xsrf"
STATIC = re.compile(r'(?:src|href)="\./(static/[^"]+|favicon\.png)"')
OK = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}

Tell = Callable[[str], None]


class TabError(RuntimeError):
    """The server did not do what a browser expects of it."""


@dataclass
class Node:
    """An element on the page, and where it came from.

    Attributes:
        kind: of the element, as its message names it; "" of a block.
        proto: what it shows.
        script: the hash of the script that drew it, which is the frame or the page.
        fragment: that drew it, "" if none did.
        run: the run that drew it last.
    """

    kind: str
    proto: Any
    script: str
    fragment: str
    run: str

    @property
    def id(self) -> str:
        """Of its widget; "" where it is none."""
        return str(getattr(self.proto, "id", ""))

    @property
    def can_be_used(self) -> bool:
        """Whether it is a widget that takes input at the moment."""
        return bool(self.id) and not getattr(self.proto, "disabled", False)


@dataclass
class Answer:
    """What a request waits for: the end of the run that it starts."""

    fragment: str
    over: "asyncio.Future[None]"
    run: str = ""


@dataclass
class Kept:
    """A message that the server need not send again."""

    message: ForwardMsg
    fragment: str
    used: int


@dataclass
class Tab:
    """One tab of a browser of its own.

    Attributes:
        address: of the server, `http://127.0.0.1:PORT`.
        threads: for HTTP.
        problem: is told of every error: of HTTP, of the connection, and those that the page shows.
        polled: is told the seconds of each run that a fragment's timer has asked for.
        kinds: of the messages that came, in order, where a test wants to know.
    """

    address: str
    threads: Executor
    problem: Tell
    polled: Callable[[float], None] = lambda seconds: None
    kinds: list[str] | None = None
    nodes: dict[tuple[int, ...], Node] = field(default_factory=dict)
    states: dict[str, WidgetState] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    page: str = ""
    query: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    _unchanging: set[str] = field(default_factory=set)
    _media: set[str] = field(default_factory=set)
    _kept: dict[str, Kept] = field(default_factory=dict)
    _most_age: int = 0
    _runs_seen: int = 0
    _main_script: str = ""
    _run: str = ""
    _fragments: tuple[str, ...] = ()
    _timers: dict[str, tuple[float, "asyncio.Task[None]"]] = field(default_factory=dict)
    _polls: dict[str, float] = field(default_factory=dict)
    _answer: Answer | None = None
    _socket: ClientConnection | None = None
    _http: "asyncio.Queue[http.client.HTTPConnection]" = field(default_factory=asyncio.LifoQueue)
    _tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)

    def __post_init__(self) -> None:
        for _ in range(CONNECTIONS):  # they connect when they are used
            self._http.put_nowait(http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=HTTP_SECONDS))

    # What a person does. Each gives the seconds until everything is there.

    async def open(self, link: str) -> float:
        """Open a page by its link, such as `lab?seed=3`, as in a tab that was empty."""
        await self.close()
        path, _, query = link.partition("?")
        began = time.perf_counter()
        text = (await self._get(f"/{link}")).decode()
        files = set(STATIC.findall(text)) - self._unchanging
        await asyncio.gather(*(self._get(f"/{name}") for name in files))
        self._unchanging |= files
        await asyncio.gather(self._get("/_stcore/health"), self._get("/_stcore/host-config"))
        host = urlsplit(self.address).netloc
        try:
            self._socket = await connect(
                f"ws://{host}/_stcore/stream",
                origin=Origin(self.address),
                subprotocols=[Subprotocol("streamlit"), Subprotocol(self.cookies.get(XSRF_COOKIE, "PLACEHOLDER"))],
                additional_headers={"Cookie": self._cookie_header()},
                max_size=MESSAGE_BYTES,
                proxy=None,
            )
        except (OSError, WebSocketException) as error:
            raise TabError(f"No connection: {error}") from error
        self._spawn(self._listen(self._socket))
        self.query = query
        await self._ask(page_name=path)
        return time.perf_counter() - began

    async def go(self, path: str) -> float:
        """Click a page in the navigation."""
        return await self._turn_to(self.pages[path], "")

    async def follow(self, node: Node) -> float:
        """Click a link to another page of the app."""
        return await self._turn_to(node.proto.page_script_hash, node.proto.query_string)

    async def set(self, node: Node, value: Any) -> float:
        """Move a widget to a value."""
        self.states[node.id] = state_of(node, value)
        began = time.perf_counter()
        await self._ask(fragment=node.fragment)
        return time.perf_counter() - began

    async def press(self, node: Node) -> float:
        """Press a button."""
        began = time.perf_counter()
        await self._ask(fragment=node.fragment, trigger=node.id)
        return time.perf_counter() - began

    async def quit(self) -> None:
        """Close the page and the browser."""
        await self.close()
        while not self._http.empty():
            self._http.get_nowait().close()

    async def close(self) -> None:
        """Close the page; what the browser keeps is kept."""
        self._stop_timers()
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._answer = None
        self._tasks.clear()
        for kept in (self.nodes, self.states, self.pages, self._kept, self._polls):
            kept.clear()
        self._media.clear()
        self.page = self.query = self._main_script = self._run = ""
        self._fragments = ()

    # What there is to see.

    def all(self, kind: str) -> Iterator[Node]:
        """The elements of a kind on the page, from top to bottom."""
        return (self.nodes[path] for path in sorted(self.nodes) if self.nodes[path].kind == kind)

    def widget(self, key: str) -> Node | None:
        """The widget with a key, if it is on the page and takes input."""
        return next((node for node in self.nodes.values() if node.can_be_used and node.id.endswith(f"-{key}")), None)

    # Messages to the server.

    async def _turn_to(self, page: str, query: str) -> float:
        self._stop_timers()
        frame = {node.id for node in self.nodes.values() if node.script == self._main_script}
        self.states = {name: state for name, state in self.states.items() if name in frame}
        self.query = query
        began = time.perf_counter()
        await self._ask(page=page)
        return time.perf_counter() - began

    async def _ask(self, *, page: str = "", page_name: str = "", fragment: str = "", trigger: str = "") -> None:
        answer = self._answer = Answer(fragment, asyncio.get_running_loop().create_future())
        await self._send(page=page, page_name=page_name, fragment=fragment, trigger=trigger)
        try:
            await asyncio.wait_for(answer.over, ANSWER_SECONDS)
        except TimeoutError:
            raise TabError(f"No answer within {ANSWER_SECONDS:.0f} s") from None
        finally:
            self._answer = None

    async def _send(
        self, *, page: str = "", page_name: str = "", fragment: str = "", trigger: str = "", by_timer: bool = False
    ) -> None:
        message = BackMsg()
        ask = message.rerun_script
        ask.query_string = self.query
        ask.widget_states.widgets.extend(self.states.values())
        if trigger:
            ask.widget_states.widgets.append(WidgetState(id=trigger, trigger_value=True))
        ask.page_script_hash = page or self.page
        ask.page_name = page_name
        ask.fragment_id = fragment
        ask.is_auto_rerun = by_timer
        ask.cached_message_hashes.extend(self._kept)
        context = ask.context_info
        context.timezone, context.locale, context.color_scheme = "UTC", "en-US", "light"
        context.url = f"{self.address}/{page_name}"
        if self._socket is None:
            raise TabError("The page is closed")
        try:
            await self._socket.send(message.SerializeToString())
        except WebSocketException as error:
            raise TabError(f"The connection is lost: {error}") from error

    # Messages from the server.

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                message = ForwardMsg()
                message.ParseFromString(data if isinstance(data, bytes) else data.encode())
                self.take(message)
        except WebSocketException as error:
            self.problem(f"The connection was lost: {error}")
        if self._socket is socket:  # nobody here has closed it
            self.problem("The server closed the connection")
            self._socket = None
            self._stop_timers()
            if self._answer is not None and not self._answer.over.done():
                self._answer.over.set_exception(TabError("The server closed the connection"))

    def take(self, message: ForwardMsg) -> None:
        """Do what a browser does on a message."""
        kind = message.WhichOneof("type")
        if message.metadata.cacheable:
            self._kept[message.hash] = Kept(message, message.delta.fragment_id, self._runs_seen)
        if kind == "ref_hash":
            kept = self._kept.get(message.ref_hash)
            if kept is None:
                self.problem("The server takes a message for known that was never sent")
                return
            kept.used = self._runs_seen
            whole = ForwardMsg()
            whole.CopyFrom(kept.message)
            whole.metadata.CopyFrom(message.metadata)
            message, kind = whole, whole.WhichOneof("type")
        if self.kinds is not None:
            self.kinds.append(kind or "")
        match kind:
            case "delta":
                self._draw(message)
            case "new_session":
                self._begin(message)
            case "script_finished":
                self._finish(message)
            case "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self.page = message.navigation.page_script_hash
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                self._start_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                for name in message.stop_auto_rerun.fragment_ids:
                    self._stop_timer(name)
            case "page_not_found":
                self.problem("Page not found")
            case "session_event" if message.session_event.WhichOneof("type") == "script_compilation_exception":
                self.problem(f"The script does not compile: {message.session_event.script_compilation_exception}")

    def _begin(self, message: ForwardMsg) -> None:
        self._run = message.metadata.run.script_run_id
        self._fragments = tuple(message.metadata.run.fragment_ids)
        session = message.new_session
        if not self._fragments:
            self._stop_timers()
        self._most_age = session.config.max_cached_message_age
        self._main_script = session.main_script_hash
        if session.page_script_hash != self.page:
            self.page = session.page_script_hash
            self._clear(lambda node: node.script != self._main_script)
        answer = self._answer
        if answer is not None and (not self._fragments or answer.fragment in self._fragments):
            answer.run = self._run

    def _finish(self, message: ForwardMsg) -> None:
        run, fragments, how = message.metadata.run, message.metadata.run.fragment_ids, message.script_finished
        if how in OK:
            stale = set(fragments)
            self._clear(lambda node: node.run != run.script_run_id and (not stale or node.fragment in stale))
        if how != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._runs_seen += 1
            self._kept = {
                name: kept
                for name, kept in self._kept.items()
                if (fragments and kept.fragment not in fragments) or self._runs_seen - kept.used <= self._most_age
            }
        now = time.perf_counter()
        for name in fragments:
            if name in self._polls:
                self.polled(now - self._polls.pop(name))
        answer = self._answer
        if answer is None or not answer.run or answer.run != run.script_run_id or answer.over.done():
            return
        if how == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            answer.run = ""
        else:
            answer.over.set_result(None)

    def _draw(self, message: ForwardMsg) -> None:
        path, delta = tuple(message.metadata.delta_path), message.delta
        what = delta.WhichOneof("type")
        if what == "new_transient":  # a spinner, beside what is there
            return
        kind = delta.new_element.WhichOneof("type") if what == "new_element" else ""
        if kind:
            self._clear_under(path)
        proto = getattr(delta.new_element, kind) if kind else delta.add_block
        node = Node(kind or "", proto, message.metadata.active_script_hash, delta.fragment_id, self._run)
        self.nodes[path] = node
        if kind == "exception":
            self.problem(f"{proto.type}: {proto.message}")
        elif kind == "alert" and proto.format == Alert.ERROR:
            self.problem(f"The page shows: {proto.body}")
        elif kind == "imgs":
            for image in proto.imgs:
                self._fetch(image.url)
        if node.id and kind:
            known = None if getattr(proto, "set_value", False) else self.states.get(node.id)
            state = known or first_state(node)
            if state is not None:
                self.states[node.id] = state

    def _clear_under(self, path: tuple[int, ...]) -> None:
        for other in [other for other in self.nodes if len(other) > len(path) and other[: len(path)] == path]:
            del self.nodes[other]

    def _clear(self, goes: Callable[[Node], bool]) -> None:
        self.nodes = {path: node for path, node in self.nodes.items() if not goes(node)}
        there = {node.id for node in self.nodes.values()}
        self.states = {name: state for name, state in self.states.items() if name in there}

    # Timers of fragments.

    def _start_timer(self, fragment: str, interval: float) -> None:
        if fragment in self._timers and self._timers[fragment][0] == interval:
            return
        self._stop_timer(fragment)
        self._timers[fragment] = (interval, self._spawn(self._poll(fragment, interval)))

    async def _poll(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self._polls.setdefault(fragment, time.perf_counter())
            with suppress(TabError):  # the connection tells what is wrong
                await self._send(fragment=fragment, by_timer=True)

    def _stop_timer(self, fragment: str) -> None:
        if fragment in self._timers:
            self._timers.pop(fragment)[1].cancel()
        self._polls.pop(fragment, None)

    def _stop_timers(self) -> None:
        for fragment in list(self._timers):
            self._stop_timer(fragment)

    # HTTP.

    def _fetch(self, url: str) -> None:
        if url.startswith("/media/") and url not in self._media:
            self._media.add(url)
            self._spawn(self._load(url))

    async def _load(self, url: str) -> None:
        with suppress(TabError):
            await self._get(url, unless=lambda: not self._shows(url))

    def _shows(self, url: str) -> bool:
        return any(image.url == url for node in self.all("imgs") for image in node.proto.imgs)

    async def _get(self, path: str, unless: Callable[[], bool] = lambda: False) -> bytes:
        """A file; `unless` says that nobody wants it any more, be it there or not."""
        connection = await self._http.get()
        try:
            if unless():
                return b""
            status, cookies, body = await asyncio.get_running_loop().run_in_executor(
                self.threads, self._get_now, connection, path
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.problem(f"{path.partition('?')[0]}: {error!r}")
            raise TabError(f"{path}: {error!r}") from error
        finally:
            self._http.put_nowait(connection)
        for line in cookies:
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        if status != 200 and not unless():
            self.problem(f"{path.partition('?')[0]} answers {status}")
            raise TabError(f"{path} answers {status}")
        return body

    def _get_now(self, connection: http.client.HTTPConnection, path: str) -> tuple[int, list[str], bytes]:
        was_open = connection.sock is not None
        try:
            connection.request("GET", path, headers={"Cookie": self._cookie_header()})
            response = connection.getresponse()
        except ConnectionError:
            connection.close()
            if not was_open:
                raise
            return self._get_now(connection, path)  # the server closes connections that nobody uses
        return response.status, response.headers.get_all("Set-Cookie", []), response.read()

    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _spawn(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def state_of(node: Node, value: Any) -> WidgetState:
    """What a browser says of a widget that stands at a value: options by their words, those of sliders in a list."""
    state = WidgetState(id=node.id)
    match node.kind:
        case "slider" if node.proto.type == Slider.SELECT_SLIDER:
            state.string_array_value.data.extend(value)
        case "slider":
            state.double_array_value.data.extend(value)
        case "button_group" | "multiselect":
            state.string_array_value.SetInParent()
            state.string_array_value.data.extend(value)
        case "checkbox":
            state.bool_value = value
        case "pagination":
            state.int_value = value
        case "number_input" if value is not None:
            if node.proto.data_type == NumberInput.INT:
                state.int_value = int(value)
            else:
                state.double_value = value
        case "selectbox" | "radio" | "text_input" | "text_area" if value is not None:
            state.string_value = value
        case "file_uploader":
            state.file_uploader_state_value.SetInParent()
    return state


def first_state(node: Node) -> WidgetState | None:
    """What a browser says of a widget that was just drawn; None of one that says nothing before it is used."""
    proto, given = node.proto, getattr(node.proto, "set_value", False)
    match node.kind:
        case "slider" if proto.type == Slider.SELECT_SLIDER:
            at = [proto.options[round(place)] for place in proto.default]
            return state_of(node, list(proto.raw_value) if given else at)
        case "slider":
            return state_of(node, list(proto.value if given else proto.default))
        case "button_group":
            at = [proto.options[place].content for place in proto.default]
            return state_of(node, list(proto.raw_values) if given else at)
        case "multiselect":
            at = [proto.options[place] for place in proto.default]
            return state_of(node, list(proto.raw_values) if given else at)
        case "checkbox":
            return state_of(node, proto.value if given else proto.default)
        case "pagination":
            return state_of(node, proto.value if given else proto.default or 1)
        case "number_input" | "text_input" | "text_area":
            name = "value" if given else "default"
            return state_of(node, getattr(proto, name) if proto.HasField(name) else None)
        case "selectbox" | "radio":
            if given:
                return state_of(node, proto.raw_value if proto.HasField("raw_value") else None)
            return state_of(node, proto.options[proto.default] if proto.HasField("default") else None)
        case "file_uploader":
            return state_of(node, None)
    return None
