"""Bounds the memory that uploads of all people together take in the web server.

Streamlit keeps each uploaded file in memory, until the page has stored it or its session ends, and bounds the size of a
file but not their number. Here an upload waits until there is room for it: as long as it waits, none of its content is
read, and the browser sends no more. If there is none for long, the page gets `NO_ROOM` in place of the content, because
all that the uploader of Streamlit would show of a refusal is its status.
"""

import asyncio
import time
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/_stcore/upload_file/"
"""Part of the address to which Streamlit's uploader sends a file; the ids of session and file follow."""
NO_ROOM = b"poison-lab: the memory for uploads is in use"
"""Content of a file that was refused."""
WAIT_SECONDS = 30.0
"""How long an upload waits for room; many proxies give up after a minute."""
POLL_SECONDS = 0.25
STALE_SECONDS = 300.0
"""Age after which the memory of a file is taken back if another needs it: it was refused, or its page was left."""


class Files(Protocol):
    """The uploaded files that the server holds in memory."""

    def size(self) -> int:
        """Bytes that they take."""

    def remove(self, session_id: str, file_id: str) -> None:
        """Remove a file; a no-op if it is gone."""


class UploadMemory:
    """Middleware that lets an upload in once all uploads together take no more than the limit.

    Args:
        app: the next application.
        files: held by the server.
        limit: bytes that uploads may take together.
        wait_seconds: how long an upload waits for room.
    """

    def __init__(self, app: ASGIApp, *, files: Files, limit: int, wait_seconds: float = WAIT_SECONDS) -> None:
        self.app = app
        self._files = files
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._arriving = 0
        self._arrived: dict[tuple[str, str], float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold an upload back until there is room; anything else passes as it is."""
        if scope["type"] != "http" or scope["method"] != "PUT" or PATH not in scope["path"]:
            await self.app(scope, receive, send)
            return
        size = _announced(scope, self._limit)
        if not await self._has_room(size):
            await self.app(scope, await _without_content(receive), send)
            return
        self._arriving += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._arriving -= size
            session_id, _, file_id = scope["path"].partition(PATH)[2].partition("/")
            self._arrived[session_id, file_id] = time.monotonic()

    async def _has_room(self, size: int) -> bool:
        """Whether there is room for so many bytes, at once or after a while."""
        end = time.monotonic() + self._wait_seconds
        while self._taken() + size > self._limit:
            self._remove_stale()
            if self._taken() + size <= self._limit:
                break
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def _taken(self) -> int:
        return self._files.size() + self._arriving

    def _remove_stale(self) -> None:
        old = time.monotonic() - STALE_SECONDS
        for session_id, file_id in [key for key, arrived in self._arrived.items() if arrived <= old]:
            self._files.remove(session_id, file_id)
            del self._arrived[session_id, file_id]


def _announced(scope: Scope, largest: int) -> int:
    """The length of a request in its header, at most `largest`, which an upload without a length counts as.

    What is larger than all the memory is refused by Streamlit at once, without being read.
    """
    length = Headers(scope=scope).get("content-length", "")
    return min(int(length), largest) if length.isdecimal() else largest


async def _without_content(receive: Receive) -> Receive:
    """Read an upload to its end, keeping nothing but its head; returns a `receive` of the same file with `NO_ROOM`."""
    head, more = b"", True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)
        if b"\r\n\r\n" not in head:
            head += message.get("body", b"")
    # A part of a form: a line with the boundary, headers with the name of the file, an empty line, the content.
    headers = head.partition(b"\r\n\r\n")[0]
    boundary = headers.partition(b"\r\n")[0]
    body = headers + b"\r\n\r\n" + NO_ROOM + b"\r\n" + boundary + b"--\r\n"
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_refusal() -> Message:
        return messages.pop() if messages else await receive()

    return receive_refusal
