"""The files of folders and zips: zips of any common tool open, and what a file claims never fills the memory."""

import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import folders, sources
from core.system.errors import DataError
from tests.pictures import as_zip, pets

FILES = {"cats/a.png": b"a" * 5000, "dogs/b.png": os.urandom(3000), "dogs/c/d.txt": b""}


def contents(path: Path) -> dict[str, bytes]:
    with sources.opened(path) as content_of:
        return {file.name: content_of(file) for file in sources.listing(path).files}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_common_methods_are_unpacked(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    assert contents(tmp_path / "a.zip") == FILES


class Unseekable(io.RawIOBase):
    """A stream, so that sizes follow the data (data descriptors)."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def streamed(files: dict[str, bytes]) -> bytes:
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return bytes(stream.written)


def of_64_bits(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return file.getvalue()


def of_windows(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cats\\", b"")
        for name, data in files.items():
            archive.writestr(name.replace("/", "\\"), data)
    return file.getvalue()


def after_a_program(files: dict[str, bytes]) -> bytes:
    return b"MZ a program that unpacks itself" * 40 + streamed(files)


@pytest.mark.parametrize("make", [streamed, of_64_bits, of_windows, after_a_program])
def test_zips_of_common_tools_open(make: Callable[[dict[str, bytes]], bytes], tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(make(FILES))
    assert contents(tmp_path / "a.zip") == FILES
    (tmp_path / "pets.zip").write_bytes(make(pets()))
    folder = folders.load(tmp_path / "pets.zip")
    assert (folder.classes, len(folder.y)) == (("cats", "dogs"), 24)


def without_utf8_flag(content: bytes) -> bytes:
    """As the archiver of macOS writes: names are UTF-8, and no flag says so."""
    changed = bytearray(content)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = changed.find(signature)
        while place >= 0:
            (flags,) = struct.unpack_from("<H", changed, place + offset)
            struct.pack_into("<H", changed, place + offset, flags & ~0x800)
            place = changed.find(signature, place + 4)
    return bytes(changed)


def test_names_of_macos_are_utf8(tmp_path: Path) -> None:
    files = pets(12, ("chats sauvages", "chiens dressés"))
    path = as_zip(files, tmp_path)
    named = folders.load(path)
    path.write_bytes(without_utf8_flag(path.read_bytes()))
    assert folders.load(path).classes == named.classes == ("chats sauvages", "chiens dressés")
    assert folders.load(path).digest == named.digest


def test_names_of_old_tools_are_of_code_page_437(tmp_path: Path) -> None:
    path = as_zip(pets(12, ("katzen", "vögel?")), tmp_path)
    changed = without_utf8_flag(path.read_bytes()).replace("vögel?".encode(), "vögel!?".encode("cp437"))
    path.write_bytes(changed)
    assert folders.load(path).classes == ("katzen", "vögel!?")


def flagged(change: Callable[[bytearray, int], None]) -> Callable[[bytes], bytes]:
    """Change the entries of a zip's list."""

    def changed(content: bytes) -> bytes:
        result = bytearray(content)
        place = result.find(b"PK\1\2")
        while place >= 0:
            change(result, place)
            place = result.find(b"PK\1\2", place + 4)
        return bytes(result)

    return changed


def method(number: int) -> Callable[[bytes], bytes]:
    return flagged(lambda content, place: struct.pack_into("<H", content, place + 10, number))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (flagged(lambda content, place: struct.pack_into("<H", content, place + 8, 1)), "protected by a password"),
        (method(99), r"cats/0\.png of .* is protected by a password: pack it again, without a password\.$"),
        (method(9), r"cats/0\.png of .* is packed by Deflate64, which can't be read: pack it by Deflate\.$"),
        (method(93), "packed by Zstandard"),
        (method(77), "packed by method 77"),
        (lambda content: content.replace(b"cats/1.png", b"cats/0.png"), "'pets/cats/0.png' more than once"),
        (lambda content: content.replace(b"pets/cats/1.png", b"/etc/cats/1.png"), "leads out of it"),
        (lambda content: content.replace(b"pets/cats/1.png", b"C:\\\\cats//1.png"), "leads out of it"),
        (lambda content: content.replace(b"pets/cats/1.png", b"..\\../cats/.png"), "leads out of it"),
        (lambda content: content.replace(b"pets/cats/1.png", b"pets/dogs/1.png"), "more than once"),
    ],
)
def test_a_zip_that_can_not_be_read_safely_is_refused(
    spoil: Callable[[bytes], bytes], words: str, tmp_path: Path
) -> None:
    path = as_zip(pets(), tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=words) as caught:
        folders.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    path = as_zip(pets(), tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("pets/cats/0.png/", b"")
    with pytest.raises(DataError, match=r"'pets/cats/0\.png' as a file and as a folder"):
        folders.load(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_never_unpacks_to_more_than_it_claims(packing: int, tmp_path: Path) -> None:
    """100 MB of zeros are a few hundred bytes; the list says that they are 1,000."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", packing) as archive, archive.open("cats/0.png", "w") as member:
        for _ in range(25):
            member.write(bytes(4 << 20))
    path.write_bytes(
        flagged(lambda content, place: struct.pack_into("<I", content, place + 24, 1000))(path.read_bytes())
    )
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"cats/0\.png of .* can't be unpacked"):
            contents(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_claims_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip(pets(), tmp_path)
    monkeypatch.setattr(sources, "MAX_BYTES", 1 << 20)
    path.write_bytes(
        flagged(lambda content, place: struct.pack_into("<I", content, place + 24, 3 << 20))(path.read_bytes())
    )
    with pytest.raises(DataError, match=r"cats/0\.png of .* has 3 MiB; at most 1 are allowed"):
        folders.load(path)


def test_a_dictionary_of_gigabytes_is_not_made(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("cats/a.png", b"a" * 5000)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    start = content.index(b"cats/a.png") + len("cats/a.png")
    assert content[start : start + 5] == b"\x09\x04\x05\x00\x5d"
    struct.pack_into("<I", content, start + 5, 0xFFFFFFFF)
    (tmp_path / "a.zip").write_bytes(content)
    assert contents(tmp_path / "a.zip") == {"cats/a.png": b"a" * 5000}


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    (tmp_path / "pets" / "cats" / "a.png").write_bytes(b"a")
    (tmp_path / "pets" / "cats" / "again").symlink_to(tmp_path / "pets")
    (tmp_path / "pets" / "dogs").symlink_to(tmp_path / "pets" / "cats")
    listing = sources.listing(tmp_path / "pets")
    assert [file.name for file in listing.files] == ["cats/a.png", "dogs/a.png"]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    (tmp_path / "pets" / "cats" / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"^cats/a\.png of .*pets can't be read \(No such file or directory\)"):
        contents(tmp_path / "pets")


def test_a_name_that_is_not_text_is_named(tmp_path: Path) -> None:
    os.makedirs(os.fsencode(tmp_path) + b"/pets/caf\xe9")
    with pytest.raises(DataError, match=r"holds 'caf\\udce9', whose name is not UTF-8: rename it\.$") as caught:
        sources.listing(tmp_path / "pets")
    str(caught.value).encode()


def test_more_files_than_allowed_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 3)
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError, match="more than the 3 files"):
        sources.listing(tmp_path)
