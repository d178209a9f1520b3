"""Uploads of all people together take no more memory than they may."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from core.serving import uploads
from core.serving.uploads import NO_ROOM, PATH, UploadMemory

BOUNDARY = b"----WebKitFormBoundary7MA4YWxk"
LIMIT = 1000


class FakeFiles:
    """Files in memory, and a server that puts what it receives there."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], tuple[str, bytes]] = {}

    def size(self) -> int:
        return sum(len(content) for _, content in self.held.values())

    def remove(self, session_id: str, file_id: str) -> None:
        self.held.pop((session_id, file_id), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads a form as Streamlit does."""
        form = await Request(scope, receive).form()
        (upload,) = [value for value in form.values() if isinstance(value, UploadFile)]
        session_id, file_id = scope["path"].split("/")[-2:]
        self.held[session_id, file_id] = (upload.filename or "", await upload.read())
        await send({"type": "http.response.start", "status": 204, "headers": []})


def request(content: bytes, file_id: str, *, length: bool = True, pieces: int = 7) -> tuple[Scope, list[Message]]:
    """A request of a browser that uploads a file, and its messages."""
    head = b'Content-Disposition: form-data; name="file"; filename="pets.zip"\r\nContent-Type: application/zip'
    body = b"--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n" % (BOUNDARY, head, content, BOUNDARY)
    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
    headers += [(b"content-length", str(len(body)).encode())] if length else []
    scope = {"type": "http", "method": "PUT", "path": f"{PATH}me/{file_id}", "headers": headers, "query_string": b""}
    step = -(-len(body) // pieces)
    parts = [body[start : start + step] for start in range(0, len(body), step)]
    return scope, [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]


async def upload(memory: UploadMemory, content: bytes, file_id: str, **kind: Any) -> int:
    """Uploads a file; returns how many of its messages were not read."""
    scope, messages = request(content, file_id, **kind)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message: Message) -> None:
        pass

    await memory(scope, receive, send)
    return len(messages)


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture
def files() -> FakeFiles:
    return FakeFiles()


@pytest.fixture
def memory(files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> UploadMemory:
    monkeypatch.setattr(uploads, "POLL_SECONDS", 0.01)
    return UploadMemory(files, files=files, limit=LIMIT, wait_seconds=0.1)


def test_an_upload_arrives_as_it_was_sent(memory: UploadMemory, files: FakeFiles) -> None:
    assert finished(upload(memory, bytes(range(256)), "a")) == 0
    assert files.held == {("me", "a"): ("pets.zip", bytes(range(256)))}


@pytest.mark.parametrize("pieces", [1, 2, 7, 300])
def test_what_finds_no_room_is_read_away_and_told(pieces: int, memory: UploadMemory, files: FakeFiles) -> None:
    files.held["you", "b"] = ("theirs.zip", bytes(LIMIT - 100))
    assert finished(upload(memory, bytes(200), "a", pieces=pieces)) == 0
    assert files.held["me", "a"] == ("pets.zip", NO_ROOM), "with its name, by which the page knows its kind"


def test_an_upload_waits_until_another_is_stored(memory: UploadMemory, files: FakeFiles) -> None:
    memory._wait_seconds = 30
    files.held["you", "b"] = ("theirs.zip", bytes(LIMIT - 100))

    async def both() -> None:
        waiting = asyncio.create_task(upload(memory, bytes(200), "a"))
        await asyncio.sleep(0.1)
        assert ("me", "a") not in files.held
        files.remove("you", "b")
        await asyncio.wait_for(waiting, 30)

    finished(both())
    assert files.held == {("me", "a"): ("pets.zip", bytes(200))}


def test_uploads_that_arrive_at_once_share_the_memory(memory: UploadMemory, files: FakeFiles) -> None:
    async def many() -> None:
        await asyncio.gather(*(upload(memory, bytes(150), str(i)) for i in range(8)))

    finished(many())
    contents = [content for _, content in files.held.values()]
    assert len(contents) == 8
    assert NO_ROOM in contents
    assert 300 <= sum(len(content) for content in contents if content != NO_ROOM) <= LIMIT
    assert memory._arriving == 0


@pytest.mark.parametrize("held", [0, 1])
def test_an_upload_that_does_not_say_its_size_needs_all_the_memory(
    held: int, memory: UploadMemory, files: FakeFiles
) -> None:
    files.held["you", "b"] = ("theirs.zip", bytes(held))
    finished(upload(memory, bytes(20), "a", length=False))
    assert files.held["me", "a"][1] == (NO_ROOM if held else bytes(20))


def test_what_no_page_has_stored_makes_room_in_time(
    memory: UploadMemory, files: FakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page that was left while its file arrived."""
    finished(upload(memory, bytes(600), "left"))
    finished(upload(memory, bytes(600), "soon"))
    assert files.held["me", "soon"][1] == NO_ROOM
    monkeypatch.setattr(uploads, "STALE_SECONDS", 0.0)
    finished(upload(memory, bytes(600), "late"))
    assert {file_id: len(content) for (_, file_id), (_, content) in files.held.items() if content != NO_ROOM} == {
        "late": 600
    }


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "websocket", "path": f"{PATH}me/a"},
        {"type": "http", "method": "DELETE", "path": f"{PATH}me/a"},
        {"type": "http", "method": "PUT", "path": "/_stcore/health"},
    ],
)
def test_anything_else_passes(scope: Scope, files: FakeFiles) -> None:
    passed: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope)

    async def nothing() -> Message:
        raise AssertionError

    async def no(message: Message) -> None:
        raise AssertionError

    files.held["you", "b"] = ("theirs.zip", bytes(LIMIT))
    finished(UploadMemory(app, files=files, limit=LIMIT)(scope, nothing, no))
    assert passed == [scope]
