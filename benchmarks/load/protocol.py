"""A browser's side of Streamlit: pages and images by HTTP, then messages over a websocket.

A tab keeps what a browser keeps: cookies, files that never change, the elements on the page, the state of every widget,
timers of fragments, and large messages that the server then sends by their hash alone. It draws nothing.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from benchmarks.load.document import Document, MessageCache
from benchmarks.load.timers import Timers
from benchmarks.load.widgets import Node, state_of

ANSWER_SECONDS = 60.0
"""A page or a change that takes longer is an error."""
HTTP_SECONDS = 30.0
IDLE_SECONDS = 3.0
"""Of an open connection without a request; after five the server closes it."""
CONNECTIONS = 6
"""Of a browser to one server, for HTTP."""
MESSAGE_BYTES = 2**28
XSRF_COOKIE = "_streamlit_xsrf"
STATIC = re.compile(r'(?:src|href)="\./(static/[^"]+|favicon\.png)"')
OK = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}


class TabError(RuntimeError):
    """The server did not do what a browser expects of it."""


@dataclass
class Answer:
    """What a request waits for: the end of the run that it starts."""

    fragment: str
    finished: "asyncio.Future[None]"
    run: str = ""


@dataclass
class Tab:
    """One tab of a browser of its own.

    Attributes:
        address: of the server, `http://127.0.0.1:PORT`.
        problem: is called with every error: of HTTP, of the connection, and those that the page shows.
        polled: is called with the seconds of each run that a fragment's timer has asked for.
        kinds: of the messages that came, in order, where a test wants to know.
        pages: the hashes of the pages' scripts, by path.
        page: the hash of the script of the page that is open.
        query: the query string of the page's URL.
    """

    address: str
    problem: Callable[[str], None]
    polled: Callable[[float], None] = lambda seconds: None
    kinds: list[str] | None = None
    pages: dict[str, str] = field(default_factory=dict)
    page: str = ""
    query: str = ""
    _unchanging: set[str] = field(default_factory=set)
    _media: set[str] = field(default_factory=set)
    _cache: MessageCache = field(default_factory=MessageCache)
    _run: str = ""
    _answer: Answer | None = None
    _socket: ClientConnection | None = None
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def __post_init__(self) -> None:
        self._document = Document(self.problem, self._fetch)
        self._timers = Timers(self._poll)
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._http = httpx.AsyncClient(
            base_url=self.address,
            headers={"Accept-Encoding": "identity"},  # a student has no time to unpack
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
            timeout=HTTP_SECONDS,
            trust_env=False,
            verify=False,  # there is no TLS, whose certificates take a while to load
        )

    # What a person does. Each gives the seconds until everything is there.

    async def open(self, link: str) -> float:
        """Open a page by its link, such as `lab?seed=3`, as in a tab that was empty."""
        await self.close()
        path, _, query = link.partition("?")
        start = time.perf_counter()
        text = (await self._get(f"/{link}")).decode()
        files = set(STATIC.findall(text)) - self._unchanging
        await asyncio.gather(*(self._get(f"/{name}") for name in files))
        self._unchanging |= files
        await asyncio.gather(self._get("/_stcore/health"), self._get("/_stcore/host-config"))
        cookies = self._http.cookies
        try:
            self._socket = await connect(
                f"ws://{urlsplit(self.address).netloc}/_stcore/stream",
                origin=Origin(self.address),
                subprotocols=[Subprotocol("streamlit"), Subprotocol(cookies.get(XSRF_COOKIE) or "PLACEHOLDER")],
                additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
                max_size=MESSAGE_BYTES,
                proxy=None,
            )
        except (OSError, WebSocketException) as error:
            raise TabError(f"No connection: {error}") from error
        self._spawn(self._listen(self._socket))
        self.query = query
        await self._ask(page_name=path)
        return time.perf_counter() - start

    async def go(self, path: str) -> float:
        """Click a page in the navigation."""
        return await self._turn_to(self.pages[path], "")

    async def follow(self, node: Node) -> float:
        """Click a link to another page of the app."""
        return await self._turn_to(node.proto.page_script_hash, node.proto.query_string)

    async def set(self, node: Node, value: Any) -> float:
        """Move a widget to a value."""
        self.states[node.id] = state_of(node, value)
        start = time.perf_counter()
        await self._ask(fragment=node.fragment)
        return time.perf_counter() - start

    async def press(self, node: Node) -> float:
        """Press a button."""
        start = time.perf_counter()
        await self._ask(fragment=node.fragment, trigger=node.id)
        return time.perf_counter() - start

    async def quit(self) -> None:
        """Close the page and the browser."""
        await self.close()
        await self._http.aclose()

    async def close(self) -> None:
        """Close the page; what the browser keeps is kept."""
        self._timers.stop_all()
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._answer = None
        for collection in (self._tasks, self._document, self.pages, self._cache, self._media):
            collection.clear()
        self.page = self.query = self._run = ""

    # What there is to see.

    @property
    def nodes(self) -> dict[tuple[int, ...], Node]:
        """The elements on the page by their place."""
        return self._document.nodes

    @property
    def states(self) -> dict[str, WidgetState]:
        """The states of the widgets on the page by their id."""
        return self._document.states

    def all(self, kind: str) -> Iterator[Node]:
        """The elements of a kind on the page, from top to bottom."""
        return self._document.all(kind)

    def widget(self, key: str) -> Node | None:
        """The widget with a key, if it is on the page and takes input."""
        return self._document.widget(key)

    # Messages to the server.

    async def _turn_to(self, page: str, query: str) -> float:
        self._timers.stop_all()
        self._document.forget_page()
        self.query = query
        start = time.perf_counter()
        await self._ask(page=page)
        return time.perf_counter() - start

    async def _ask(self, *, page: str = "", page_name: str = "", fragment: str = "", trigger: str = "") -> None:
        answer = self._answer = Answer(fragment, asyncio.get_running_loop().create_future())
        await self._send(page=page, page_name=page_name, fragment=fragment, trigger=trigger)
        try:
            await asyncio.wait_for(answer.finished, ANSWER_SECONDS)
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
        ask.cached_message_hashes.extend(self._cache.hashes)
        context = ask.context_info
        context.timezone, context.locale, context.color_scheme = "UTC", "en-US", "light"
        context.url = f"{self.address}/{page_name}"
        if self._socket is None:
            raise TabError("The page is closed")
        try:
            await self._socket.send(message.SerializeToString())
        except WebSocketException as error:
            raise TabError(f"The connection is lost: {error}") from error

    async def _poll(self, fragment: str) -> None:
        with suppress(TabError):  # the connection reports what is wrong
            await self._send(fragment=fragment, by_timer=True)

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
            self._timers.stop_all()
            if self._answer is not None and not self._answer.finished.done():
                self._answer.finished.set_exception(TabError("The server closed the connection"))

    def take(self, message: ForwardMsg) -> None:
        """Do what a browser does on a message."""
        kind = message.WhichOneof("type")
        self._cache.keep(message)
        if kind == "ref_hash":
            whole = self._cache.whole(message)
            if whole is None:
                self.problem("The server takes a message for known that was never sent")
                return
            message, kind = whole, whole.WhichOneof("type")
        if self.kinds is not None:
            self.kinds.append(kind or "")
        match kind:
            case "delta":
                self._document.draw(message, self._run)
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
                self._timers.start(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                for name in message.stop_auto_rerun.fragment_ids:
                    self._timers.stop(name)
            case "page_not_found":
                self.problem("Page not found")
            case "session_event" if message.session_event.WhichOneof("type") == "script_compilation_exception":
                self.problem(f"The script does not compile: {message.session_event.script_compilation_exception}")

    def _begin(self, message: ForwardMsg) -> None:
        self._run, fragments = message.metadata.run.script_run_id, message.metadata.run.fragment_ids
        session = message.new_session
        if not fragments:
            self._timers.stop_all()
        self._cache.max_age = session.config.max_cached_message_age
        self._document.main_script = session.main_script_hash
        if session.page_script_hash != self.page:
            self.page = session.page_script_hash
            self._document.turn_page()
        answer = self._answer
        if answer is not None and (not fragments or answer.fragment in fragments):
            answer.run = self._run

    def _finish(self, message: ForwardMsg) -> None:
        run, fragments, how = message.metadata.run, message.metadata.run.fragment_ids, message.script_finished
        if how in OK:
            self._document.end_run(run.script_run_id, fragments)
        if how != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._cache.end_run(fragments)
        for name in fragments:
            seconds = self._timers.answered(name)
            if seconds is not None:
                self.polled(seconds)
        answer = self._answer
        if answer is None or not answer.run or answer.run != run.script_run_id or answer.finished.done():
            return
        if how == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            answer.run = ""
        else:
            answer.finished.set_result(None)

    # HTTP.

    def _fetch(self, url: str) -> None:
        if url.startswith("/media/") and url not in self._media:
            self._media.add(url)
            self._spawn(self._load(url))

    async def _load(self, url: str) -> None:
        with suppress(TabError):
            await self._get(url, unless=lambda: not self._document.shows(url))

    async def _get(self, path: str, unless: Callable[[], bool] = lambda: False) -> bytes:
        """A file; `unless` says that nobody wants it any more, be it there or not."""
        async with self._places:
            if unless():
                return b""
            try:
                response = await self._http.get(path)
            except httpx.HTTPError as error:
                self.problem(f"{path.partition('?')[0]}: {error!r}")
                raise TabError(f"{path}: {error!r}") from error
        if response.status_code != 200 and not unless():
            self.problem(f"{path.partition('?')[0]} answers {response.status_code}")
            raise TabError(f"{path} answers {response.status_code}")
        return response.content

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
