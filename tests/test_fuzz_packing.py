"""The zips and folders that the targets of fuzzing make are those that zipfile and the file system would make."""

import io
import zipfile
from pathlib import Path

from core.data import sources
from tests.fuzz.packing import folder_of, zip_of
from tests.fuzz.structure import METHODS

CONTENTS = (b"", b"x" * 300, bytes(range(256)))
FILES = {f"{folder}/{i}": data for folder in ("cats", "über/deep", "a\\b") for i, data in enumerate(CONTENTS)}


def test_a_zip_is_byte_for_byte_what_zipfile_writes() -> None:
    members = [(f"{name}.{method}", data, method) for name, data in FILES.items() for method in METHODS]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data, method in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, data)
    assert zip_of(members) == written.getvalue()
    assert zip_of([]) == b"PK\5\6" + bytes(18)


def test_a_folder_holds_the_files_and_nothing_else(tmp_path: Path) -> None:
    folder = folder_of({**FILES, "at the top": b"y"}, tmp_path)
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {
        **FILES,
        "at the top": b"y",
    }
    assert sources.listing(folder).folders == ("a\\b", "cats", "über", "über/deep")
