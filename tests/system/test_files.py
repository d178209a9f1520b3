"""A file is there whole or not at all; a zip is listed, or refused in words."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.system import files
from core.system.files import replacing, zip_members


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    for content in (b"one", b"two"):
        with replacing(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def break_off() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        break_off()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("é.txt", "b.txt"):
            archive.writestr(name, name)
    return tmp_path / "a.zip"


def test_a_zip_is_listed_up_to_a_length(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [member.filename for member in zip_members(packed)] == ["é.txt", "b.txt"]
    content = packed.read_bytes()
    length = content.rindex(b"PK\5\6") - content.index(b"PK\1\2")
    monkeypatch.setattr(files, "MAX_LISTING_BYTES", length)
    assert len(zip_members(packed)) == 2
    monkeypatch.setattr(files, "MAX_LISTING_BYTES", length - 1)
    with pytest.raises(zipfile.BadZipFile, match="list of files is longer"):
        zip_members(packed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.replace("é".encode(), b"\xff\xfe"),
        lambda content: content.replace(b"PK\1\2", b"PK\1\3", 1),
        lambda content: (
            content[: content.index(b"PK\1\2") + 6] + struct.pack("<H", 99) + content[content.index(b"PK\1\2") + 8 :]
        ),
        lambda content: content[:-30],
    ],
    ids=["names that are no text", "a list in pieces", "a version that nobody knows", "cut"],
)
def test_a_damaged_zip_is_refused_as_one(spoil: Callable[[bytes], bytes], packed: Path) -> None:
    packed.write_bytes(spoil(packed.read_bytes()))
    with pytest.raises(zipfile.BadZipFile):
        zip_members(packed)
