"""A file that is made at a press of its button is there when the browser asks for it, whatever ran in between."""

import ast
import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

import app
from core.system.paths import ROOT
from pages import _downloads, _sessions

RUNS = 50


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> MediaFileManager:
    """Streamlit's keeper of files, as the server has it; other tests get theirs as it was."""
    monkeypatch.setattr(media_file_manager, "MediaFileMetadata", MediaFileMetadata)
    _downloads.keep()
    return MediaFileManager(MemoryMediaFileStorage("/media"))


def made(manager: MediaFileManager) -> str:
    """The name of a file that was made at a press."""
    url = manager.execute_deferred(manager.add_deferred(lambda: b"a,b", "text/csv", "button", "all.csv"))
    return url.rpartition("/")[2]


def is_there(manager: MediaFileManager, name: str) -> bool:
    file = manager.read_file(name.partition(".")[0])
    assert file is None or file.content == b"a,b"
    return file is not None


def test_other_sessions_do_not_delete_it_before_it_is_fetched(manager: MediaFileManager) -> None:
    name = made(manager)
    for _ in range(RUNS):
        manager.remove_orphaned_files()
    assert is_there(manager, name)


def test_it_does_not_stay_for_ever(manager: MediaFileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    name, now = made(manager), time.monotonic()
    manager.remove_orphaned_files()
    monkeypatch.setattr(time, "monotonic", lambda: now + _downloads.SECONDS + 1)
    manager.remove_orphaned_files()
    assert not is_there(manager, name)


def test_what_a_page_shows_is_deleted_at_once(manager: MediaFileManager) -> None:
    manager.add(b"a,b", "image/png", "picture")
    [name] = manager._file_metadata
    manager.clear_session_refs()
    manager.remove_orphaned_files()
    assert not is_there(manager, name)


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.stem)
def test_no_button_runs_its_page_again_while_the_browser_fetches_the_file(path: Path) -> None:
    """A page that runs again lets its files go until it has drawn them, and what others run in between deletes them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("download_button"):
            assert "on_click='ignore'" in [ast.unparse(word) for word in node.keywords], node.lineno


def test_a_server_keeps_them_and_what_scripts_have_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    for module in (_downloads, _sessions):
        monkeypatch.setattr(module, "keep", lambda name=module.__name__: kept.append(name))
    monkeypatch.setattr(app, "start", lambda: None)
    monkeypatch.setattr(app, "stop_engine", lambda: None)

    async def served() -> None:
        async with app.lifespan(app.app):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, served()).result()
    assert kept == ["pages._downloads", "pages._sessions"]
