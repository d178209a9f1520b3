"""Image folders and zips that a person brings: read as they are meant, or refused with the file and the reason."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.catalog.choices import resolve
from core.catalog.lookup import data_info as info
from core.cli.main import main
from core.data import folders
from core.data.readers import read
from core.spec.experiment import parse_spec
from core.system.errors import DataError, SpecError
from tests.pictures import picture


def content(per_class: int = 12) -> dict[str, bytes]:
    kinds = (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("JPEG", "JPEG"))
    return {
        f"{label}/{i}.{kinds[i % 4][0]}": picture(100 * c + i, kinds[i % 4][1])
        for c, label in enumerate(("cats", "dogs", "über"))
        for i in range(per_class)
    }


def as_folder(files: dict[str, bytes], place: Path) -> Path:
    for name, data in files.items():
        path = place / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return place / "pets"


def as_zip(files: dict[str, bytes], place: Path) -> Path:
    with zipfile.ZipFile(place / "pets.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"pets/{name}", data)
    return place / "pets.zip"


Maker = Callable[[dict[str, bytes], Path], Path]
MAKERS = pytest.mark.parametrize("make", [as_folder, as_zip])


@MAKERS
def test_folders_and_zips_are_read(make: Maker, tmp_path: Path) -> None:
    path = make({**content(), "cats/readme.txt": b"no image"}, tmp_path)
    record = info(f"image-folder:{path}")
    assert (record.title, record.classes, record.shape) == ("pets", ("cats", "dogs", "über"), (3, 64, 64))
    assert (record.train_images, record.test_images) == (24, 12)
    for part, each in (("train", 8), ("test", 4)):
        x, y = read(record, part)
        assert x.shape == (3 * each, 3, 64, 64)
        assert x.dtype == np.uint8
        assert np.bincount(y).tolist() == [each] * 3
    assert info(record.name) == record


def test_both_forms_hold_the_same_images(tmp_path: Path) -> None:
    one, other = (folders.load(make(content(), tmp_path)) for make in (as_folder, as_zip))
    assert one.digest == other.digest
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.is_test, other.is_test)


def test_an_image_keeps_its_middle_and_stands_upright(tmp_path: Path) -> None:
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 64:128] = (10, 200, 30)
    turned = Image.fromarray(np.rot90(wide))
    exif = turned.getexif()
    exif[0x0112] = 6  # shown turned by a quarter to the right
    for kind, image, extra in (("PNG", Image.fromarray(wide), {}), ("PNG", turned, {"exif": exif})):
        file = BytesIO()
        image.save(file, kind, **extra)
        pixels = folders._image(file.getvalue(), "here")
        np.testing.assert_array_equal(pixels, np.broadcast_to(np.array([10, 200, 30])[:, None, None], (3, 64, 64)))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    assert folders._image(picture(0, "PNG", mode=mode), "here").shape == (3, 64, 64)


def test_copies_of_an_image_are_never_on_both_sides(tmp_path: Path) -> None:
    files = content(20)
    files |= {f"dogs/copy{i}.png": files[f"dogs/{4 * (i % 5)}.png"] for i in range(30)}
    folder = folders.load(as_folder(files, tmp_path))
    sides: dict[bytes, set[bool]] = {}
    for image, side in zip(folder.x, folder.is_test, strict=True):
        sides.setdefault(image.tobytes(), set()).add(bool(side))
    assert all(len(side) == 1 for side in sides.values())


def test_other_images_are_other_data(tmp_path: Path) -> None:
    path = as_folder(content(), tmp_path)
    values = {"data": f"image-folder:{path}", "train_size": 20, "test_size": 10, "attack": "label-flip"}
    first = resolve(parse_spec(values))
    assert resolve(first) == first
    (path / "cats" / "0.png").write_bytes(picture(999))
    assert resolve(parse_spec(values)).hash != first.hash
    with pytest.raises(DataError, match="have changed since"):
        resolve(first)


def bomb() -> bytes:
    file = BytesIO()
    Image.new("1", (8_000, 8_000)).save(file, "PNG")
    return file.getvalue()


BAD: dict[str, tuple[dict[str, bytes | None], str]] = {
    "one class": ({"dogs": None, "über": None}, "holds one class of images; two or more are needed"),
    "few images": ({"dogs/11.JPEG": None, "dogs/10.webp": None, "dogs/9.jpg": None}, "Class 'dogs' of"),
    "no image": ({"cats/0.png": b"text"}, "cats/0.png of"),
    "cut": ({"dogs/0.png": picture(0)[:200]}, "dogs/0.png of"),
    "other kind": ({"dogs/0.png": picture(0, "GIF")}, "can't be read as PNG, JPEG or WebP"),
    "bomb": ({"dogs/0.png": bomb()}, "has 8000 x 8000 pixels; at most"),
}


@MAKERS
@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_refused_with_file_and_reason(case: str, make: Maker, tmp_path: Path) -> None:
    change, words = BAD[case]
    files = {n: c for n, c in content().items() if not any(n.startswith(k) for k, v in change.items() if v is None)}
    files |= {name: data for name, data in change.items() if data is not None}
    with pytest.raises(DataError) as caught:
        info(f"image-folder:{make(files, tmp_path)}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zip_packed_by_an_unusual_method_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for inside, data in content().items():
            archive.writestr(inside, data, zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="pack it again, by deflate"):
        folders.load(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed.replace(b"PK\3\4", b"PK\3\5", 1),
        lambda packed: packed[:6] + b"\0\10" + packed[8:30] + b"\xff" + packed[31:],
        lambda packed: packed[: packed.index(b"PK\1\2") + 8] + b"\1" + packed[packed.index(b"PK\1\2") + 9 :],
    ],
    ids=["no local header", "a name that is not UTF-8", "encrypted"],
)
def test_an_image_that_cannot_be_unpacked_is_named(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = as_zip(content(), tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"can't be unpacked \(.+\): pack it again"):
        folders.load(path)


def test_an_entry_without_a_name_is_passed_over(tmp_path: Path) -> None:
    path = as_zip(content(), tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
    assert folders.load(path).classes == ("cats", "dogs", "über")


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "cats/../../out.png", "cats\\..\\out.png"])
def test_a_zip_with_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for inside, data in content().items():
            archive.writestr(inside, data)
        archive.writestr(name, picture(0))
    with pytest.raises(DataError, match="leads out of it"):
        folders.load(tmp_path / "a.zip")


def test_what_is_not_there_or_not_a_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        folders.load(tmp_path / "nothing")
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match="neither a folder nor a readable zip"):
        folders.load(tmp_path / "a.zip")
    with pytest.raises(SpecError, match="Allowed: image-folder:PATH"):
        folders.info("image-folder:")


def test_the_command_line_runs_on_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    path = as_folder(content(), tmp_path)
    options = ["--attack", "label-flip", "--train-size", "20", "--test-size", "10", "--device", "cpu", "--quiet"]
    assert main(["run", "--data", f"image-folder:{path}", "--out", str(tmp_path / "run"), *options]) == 0
    summary = json.loads((tmp_path / "run" / "result.json").read_text())
    assert summary["spec"]["data"].startswith(f"image-folder:{path}#")
    assert (summary["n_train"], summary["n_test"]) == (20, 10)
    (path / "cats" / "0.png").write_bytes(b"broken")
    assert main(["run", "--data", f"image-folder:{path}", "--out", str(tmp_path / "no"), *options]) == 2
    assert "cats/0.png" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_the_first_reader_names_images_as_it_always_did(tmp_path: Path) -> None:
    """The digest of before there were versions: classes and SHA-256 of all files, in the order of their names."""
    folder = as_folder(content(), tmp_path)
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder))
    lines = [f"{path.parent.name}/{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    assert info(f"image-folder:{folder}").name == f"image-folder:{folder}#{digest}"


def test_another_reader_gives_the_same_images_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = as_folder(content(), tmp_path)
    small = {"data": f"image-folder:{folder}", "attack": "label-flip", "train_size": 20, "test_size": 10}
    before = resolve(parse_spec(small))
    monkeypatch.setattr(folders, "READER_VERSION", 2)
    now = resolve(parse_spec(small))
    digests = folders.load(folder).digests
    assert (before.data, now.data) == tuple(f"image-folder:{folder}#{digest}" for digest in digests)
    assert len(set(digests)) == 2
    assert before.hash != now.hash, "what was run before is no answer to what is asked now"
    monkeypatch.setattr(folders, "READER_VERSION", 3)
    assert folders.load(folder).digests[:2] == digests
    assert len(set(folders.load(folder).digests)) == 3


def test_a_name_of_an_earlier_reader_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = as_folder(content(), tmp_path)
    before = info(f"image-folder:{folder}").name
    monkeypatch.setattr(folders, "READER_VERSION", 2)
    with pytest.raises(DataError, match=r"version 1 of the reader.*version 2 reads them differently.*leave out the #"):
        resolve(parse_spec({"data": before, "train_size": 20, "test_size": 10}))
    assert main(["run", "--out", str(tmp_path / "run"), "--data", before]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "to run the images as they are read now, leave out the # and what follows it." in errors
    assert info(before.partition("#")[0]).name != before
    (folder / "cats" / "0.png").write_bytes(picture(999))
    with pytest.raises(DataError, match="have changed since"):
        info(before)
