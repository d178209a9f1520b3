"""Zips and folders of the same few small files again and again, quickly: what a file is packed to is kept.

A fuzzer's time should go into the readers. `zipfile` makes a compressor for every file, which for LZMA fills megabytes.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_ENDS_WITH_MARK = 0x02
"""The flag of a member that LZMA packed."""


def zip_of(members: Iterable[tuple[str, bytes, int]]) -> bytes:
    """The zip that zipfile would write of names, contents and methods of packing, all of one date."""
    content = io.BytesIO()
    archive = zipfile.ZipFile(content, "w")
    for name, data, method in members:
        info = zipfile.ZipInfo(name)
        packed = _packed(data, method)
        info.compress_type, info.external_attr = method, 0o600 << 16
        info.flag_bits = _ENDS_WITH_MARK if method == zipfile.ZIP_LZMA else 0
        info.CRC, info.file_size, info.compress_size = zlib.crc32(data), len(data), len(packed)
        info.header_offset = content.tell()
        content.write(info.FileHeader(zip64=False))
        content.write(packed)
        archive.filelist.append(info)
    archive.start_dir = content.tell()  # where closing it writes the list
    archive._didModify = True
    archive.close()
    return content.getvalue()


def folder_of(files: Mapping[str, bytes], place: Path) -> Path:
    """A folder `pets` in a place, with files."""
    root = place / "pets"
    made = set()
    for name, data in files.items():
        above = name.rpartition("/")[0]
        if above not in made:
            os.makedirs(f"{root}/{above}", exist_ok=True)
            made.add(above)
        with open(f"{root}/{name}", "wb", buffering=0) as file:
            file.write(data)
    return root


@cache
def _packed(data: bytes, method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name := "x", data, method)
        return content.getvalue()[zipfile.sizeFileHeader + len(name) :]
