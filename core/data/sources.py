"""The files of a folder or a zip: what it lists, and their content. Zips are read in place, never unpacked.

Zips of any common tool are read: of Windows, whose names may hold backslashes, of macOS, whose names are UTF-8 without
saying so, packed by deflate, bzip2 or LZMA. What a file needs of memory is bounded by `MAX_BYTES`, whatever it claims.
"""

import bz2
import copy
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.system.errors import DataError, shown
from core.system.files import zip_members

MAX_BYTES = 50 << 20
"""Of one image file."""
MAX_UNPACKED = 4 << 30
"""Of all files in a zip together."""
MAX_FILES = 1_000_000
"""In a folder."""
_ENCRYPTED, _UTF8 = 0x1, 0x800
_AES = 99
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 97: "WavPack", 98: "PPMd"}


@dataclass(frozen=True, order=True)
class File:
    """A file of a folder or a zip.

    Attributes:
        name: its POSIX path inside it.
        size: in bytes, packed or unpacked, whatever is more.
        changed: when it was modified, in seconds.
        stored: its path as the folder or the zip spells it.
    """

    name: str
    size: int
    changed: float
    stored: str


@dataclass(frozen=True)
class Listing:
    """The files and the folders of a folder or a zip; a zip need not list its folders."""

    files: tuple[File, ...]
    folders: tuple[str, ...]
    is_zip: bool


def listing(path: Path) -> Listing:
    """List a folder or a zip.

    Raises:
        DataError: it is missing, can't be read, is too large, or holds a file that can't be read safely.
    """
    if not path.exists():
        raise DataError(f"{path} is missing: name a folder or a zip with one folder of images for each class.")
    return _of_folder(path) if path.is_dir() else _of_zip(path)


@contextmanager
def opened(path: Path) -> Iterator[Callable[[File], bytes]]:
    """A function that gives the content of a listed file.

    It raises a DataError where the file is larger than `MAX_BYTES`, or can't be read.
    """
    if path.is_dir():
        yield lambda file: _checked(file, path, lambda: (path / file.stored).read_bytes())
        return
    members = {member.filename: member for member in zip_members(path)}
    with zipfile.ZipFile(path) as archive:
        yield lambda file: _checked(file, path, lambda: _unpacked(archive, members[file.stored]))


def _of_folder(path: Path) -> Listing:
    files: list[File] = []
    folders: list[str] = []

    def walk(folder: Path, inside: str, above: tuple[tuple[int, int], ...]) -> None:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return  # a link to a folder in which it lies
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f"{inside}{entry.name}"
                if not _is_text(name):
                    raise DataError(f"{path} holds {name!a}, whose name is not UTF-8: rename it.")
                if len(files) + len(folders) >= MAX_FILES:
                    raise DataError(f"{path} holds more than the {MAX_FILES:,} files that are allowed.")
                if entry.is_dir():
                    folders.append(name)
                    walk(folder / entry.name, f"{name}/", (*above, identity))
                elif entry.is_file():
                    files.append(File(name, (status := entry.stat()).st_size, status.st_mtime, name))
                else:
                    files.append(File(name, 0, 0.0, name))  # a link that leads nowhere, a socket: reading it says so

    try:
        walk(path, "", ())
    except OSError as error:
        raise DataError(f"{error.filename or path} can't be read ({error.strerror}).") from error
    return Listing(tuple(sorted(files)), tuple(sorted(folders)), is_zip=False)


def _of_zip(path: Path) -> Listing:
    try:
        members = zip_members(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is neither a folder nor a readable zip: {error}.") from error
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        limit = f"{MAX_UNPACKED >> 30} GiB"
        raise DataError(f"{path} holds more than the {limit} that are allowed unpacked; it is refused as a whole.")
    changed = path.stat().st_mtime
    files, folders = [], []
    for member in members:
        name = _name(member)
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
            raise DataError(f"{path} holds {member.filename!r}, a path that leads out of it; it is refused as a whole.")
        name = "/".join(part for part in parts if part not in ("", "."))
        if parts[-1] in ("", "."):
            folders += [name] if name else []
            continue
        _check_packing(member, path)
        files.append(File(name, max(member.file_size, member.compress_size), changed, member.filename))
    counts = Counter(file.name for file in files)
    if duplicate := next((name for name, count in counts.items() if count > 1), None):
        raise DataError(f"{path} holds {duplicate!r} more than once; it is refused as a whole.")
    if both := sorted(counts.keys() & {*folders}):
        raise DataError(f"{path} holds {both[0]!r} as a file and as a folder; it is refused as a whole.")
    return Listing(tuple(sorted(files)), tuple(sorted({*folders})), is_zip=True)


def _name(member: zipfile.ZipInfo) -> str:
    """The name of a member with slashes; names of macOS are UTF-8 though their header says code page 437."""
    name = member.filename
    if not member.flag_bits & _UTF8 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = member.filename
    return name.replace("\\", "/")


def _check_packing(member: zipfile.ZipInfo, path: Path) -> None:
    """Refuse what can't be unpacked, with what to do."""
    if member.flag_bits & _ENCRYPTED or member.compress_type == _AES:
        raise DataError(
            f"{shown(member.filename)} of {path} is protected by a password: pack it again, without a password."
        )
    if member.compress_type not in _UNPACK:
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise DataError(
            f"{shown(member.filename)} of {path} is packed by {method}, which can't be read: pack it by Deflate."
        )


def _checked(file: File, path: Path, read: Callable[[], bytes]) -> bytes:
    where = f"{shown(file.name)} of {path}"
    if file.size > MAX_BYTES:
        raise DataError(f"{where} has {file.size >> 20} MiB; at most {MAX_BYTES >> 20} are allowed.")
    try:
        return read()
    except MemoryError:
        raise
    except OSError as error:
        raise DataError(f"{where} can't be read ({error.strerror or error}).") from error
    except Exception as error:  # zipfile raises many kinds, some of them only on malicious zips
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{where} can't be unpacked ({reason}): pack it again.") from error


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of a member, at most as long as it claims to be.

    zipfile unpacks what is there: a few kilobytes that claim to be small could fill the memory. So take them packed.
    """
    packed = copy.copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    packed.CRC = None  # type: ignore[assignment]  # of the content, which is checked below
    content = _UNPACK[member.compress_type](archive.read(packed), member.file_size + 1)
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile("it is damaged, or not as long as it claims to be")
    return content


def _from_lzma(data: bytes, most: int) -> bytes:
    """At most a number of bytes of LZMA as zips hold it: version, length of the properties, properties, data."""
    (length,) = struct.unpack_from("<H", data, 2)
    properties, dictionary = struct.unpack_from("<BI", data, 4)
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    used = max(4096, min(dictionary, most))  # more than the content is never used: a header may claim 4 GiB
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": used, "lc": lc, "lp": lp, "pb": pb}]
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    return decompressor.decompress(data[4 + length :], most)


_UNPACK: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_STORED: lambda data, most: data[:most],
    zipfile.ZIP_DEFLATED: lambda data, most: zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most),
    zipfile.ZIP_BZIP2: lambda data, most: bz2.BZ2Decompressor().decompress(data, most),
    zipfile.ZIP_LZMA: _from_lzma,
}
"""The first bytes of packed data, at most a number of them, by method."""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
