"""Names by version of the reader: what is read as before keeps its name, what is not is refused with what to do."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.catalog.choices import resolve
from core.catalog.lookup import data_info as info
from core.cli.main import main
from core.data import folders
from core.spec.experiment import parse_spec
from core.system.errors import DataError
from tests.pictures import as_folder, as_zip, pets, picture, see_through

SMALL = {"attack": "label-flip", "train_size": 20, "test_size": 10}


def first_digest(images: Iterable[tuple[str, bytes]]) -> str:
    """What version 1 of the reader called images: a SHA-256 over class and SHA-256 of each, in the order of names."""
    lines = [f"{label}/{hashlib.sha256(content).hexdigest()}\n" for label, content in images]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def of_folder(files: dict[str, bytes]) -> str:
    """The name of a folder by version 1: the topmost folder was the class."""
    ordered = sorted(files, key=lambda name: (name.partition("/")[0], name))
    return first_digest((name.partition("/")[0], files[name]) for name in ordered)


def test_what_is_read_as_before_keeps_its_name(tmp_path: Path) -> None:
    files = pets(12, ("cats", "dogs", "über")) | {f"cats/{i}.jpg": picture(900 + i, "JPEG") for i in range(5)}
    files |= {f"dogs/{i}.webp": picture(800 + i, "WEBP") for i in range(5)}
    old = of_folder(files)
    for path in (as_folder({**files, "cats/readme.txt": b"text"}, tmp_path), as_zip(files, tmp_path)):
        assert folders.load(path).digests == (old, old)
        assert info(f"image-folder:{path}#{old}").name == f"image-folder:{path}#{old}"
        assert folders.is_read_as_by(path, 1)


OTHERWISE = {
    "transparent": {"cats/x.png": see_through(1)},
    "another format": {"cats/x.bmp": picture(70, "BMP")},
    "hidden": {"cats/.ipynb_checkpoints/x.png": picture(70)},
    "a hidden class": {f".checkpoints/{i}.png": picture(70 + i) for i in range(10)},
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_name_of_version_1_is_refused_with_what_to_do(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = pets(20) | OTHERWISE[case]
    old = of_folder({name: data for name, data in files.items() if not name.endswith(".bmp")})
    folder = as_folder(files, tmp_path)
    digests = folders.load(folder).digests
    assert digests[0] == old != digests[1]
    assert not folders.is_read_as_by(folder, 1)
    before = f"image-folder:{folder}#{old}"
    with pytest.raises(DataError, match=r"version 1 of the reader.*version 2 reads them differently.*leave out the #"):
        resolve(parse_spec({"data": before, **SMALL}))
    assert main(["run", "--out", str(tmp_path / "run"), "--data", before]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "to run the images as they are read now, leave out the # and what follows it." in errors
    now = info(before.partition("#")[0]).name
    assert now == f"image-folder:{folder}#{digests[1]}"
    assert resolve(parse_spec({"data": now, **SMALL})).data == now
    (folder / "cats" / "0.png").write_bytes(picture(999))
    with pytest.raises(DataError, match="have changed since"):
        info(before)


def test_a_split_that_was_taken_for_classes_has_another_name(tmp_path: Path) -> None:
    files = {f"{part}/{name}": data for part in ("train", "test") for name, data in pets(12).items()}
    files |= {name: data + b" " for name, data in files.items() if name.startswith("test")}
    as_one, as_other = folders.load(as_folder(files, tmp_path)), folders.load(as_zip(files, tmp_path))
    assert as_one.digests[0] == of_folder(files)
    by_inner = sorted(files, key=lambda name: (name.split("/")[1], f"pets/{name}"))
    assert as_other.digests[0] == first_digest((name.split("/")[1], files[name]) for name in by_inner)
    assert as_one.digests[1] == as_other.digests[1]
    assert len({*as_one.digests, *as_other.digests}) == 3


def test_images_that_version_1_could_not_have_read_have_no_name_of_it(tmp_path: Path) -> None:
    files = pets(12) | {"__x/.y.png": b""}
    path = as_folder(files, tmp_path)
    (path / "gone").mkdir()
    (path / "gone" / ".z.png").symlink_to(tmp_path / "nowhere")
    assert folders.load(path).digests[0] == ""


def test_another_reader_gives_the_same_images_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = as_folder(pets(20), tmp_path)
    before = resolve(parse_spec({"data": f"image-folder:{folder}", **SMALL}))
    first = folders.load(folder).digests
    monkeypatch.setattr(folders, "READER_VERSION", 3)
    now = resolve(parse_spec({"data": f"image-folder:{folder}", **SMALL}))
    digests = folders.load(folder).digests
    assert digests[:2] == first
    assert (before.data, now.data) == tuple(f"image-folder:{folder}#{digest}" for digest in digests[1:])
    assert before.hash != now.hash, "what was run before is no answer to what is asked now"
    monkeypatch.setattr(folders, "READER_VERSION", 4)
    assert folders.load(folder).digests[:3] == digests
    assert len(set(folders.load(folder).digests[1:])) == 3
