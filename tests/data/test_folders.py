"""Image folders and zips that a person brings: read as they are meant, or refused with the file and the reason."""

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
from core.data import folders, pictures
from core.data.readers import read
from core.spec.experiment import parse_spec
from core.system.errors import DataError, SpecError
from tests.pictures import as_folder, as_zip, picture


def content(per_class: int = 12) -> dict[str, bytes]:
    kinds = (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("JPEG", "JPEG"))
    return {
        f"{label}/{i}.{kinds[i % 4][0]}": picture(100 * c + i, kinds[i % 4][1])
        for c, label in enumerate(("cats", "dogs", "über"))
        for i in range(per_class)
    }


Maker = Callable[..., Path]
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


def test_an_image_keeps_its_middle_and_stands_upright() -> None:
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 64:128] = (10, 200, 30)
    turned = Image.fromarray(np.rot90(wide))
    exif = turned.getexif()
    exif[0x0112] = 6  # shown turned by a quarter to the right
    for kind, image, extra in (("PNG", Image.fromarray(wide), {}), ("PNG", turned, {"exif": exif})):
        file = BytesIO()
        image.save(file, kind, **extra)
        pixels = pictures.read(file.getvalue(), "here").pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(np.array([10, 200, 30])[:, None, None], (3, 64, 64)))


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
    "other kind": ({"dogs/0.png": picture(0, "EPS")}, "dogs/0.png of"),
    "other name": ({"dogs/0.heic": picture(0)}, "is of a format that can't be read, .heic"),
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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed.replace(b"PK\3\4", b"PK\3\5", 1),
        lambda packed: packed[:6] + b"\0\10" + packed[8:30] + b"\xff" + packed[31:],
    ],
    ids=["no local header", "a name that is not UTF-8"],
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


def saved(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@MAKERS
def test_a_class_that_shows_nothing_is_refused(make: Maker, tmp_path: Path) -> None:
    blank = {f"dogs/{i}.png": saved(Image.new("RGB", (20, 20), (i, 9, 0))) for i in range(12)}
    files = {name: data for name, data in content().items() if not name.startswith("dogs")} | blank
    path = make(files, tmp_path)
    with pytest.raises(DataError, match=r"Every image of class 'dogs' of .* is of one colour"):
        folders.load(path)


def test_one_image_with_something_to_see_is_enough(tmp_path: Path) -> None:
    blank = {f"dogs/{i}.png": saved(Image.new("RGB", (20, 20), (i, 9, 0))) for i in range(12)}
    files = {name: data for name, data in content().items() if not name.startswith("dogs")} | blank
    assert len(folders.load(as_folder({**files, "dogs/0.png": picture(0)}, tmp_path)).classes) == 3


def test_images_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    """Also where the files differ."""
    gradient = Image.linear_gradient("L")
    files = {}
    for i in range(24):
        file = BytesIO()
        gradient.save(file, "PNG", compress_level=i % 9, dpi=(i + 1, 1))
        files[f"{'cats' if i % 2 else 'dogs'}/{i}.png"] = file.getvalue()
    assert len({*files.values()}) == 24
    with pytest.raises(DataError, match=r"All images of .* are the same once they are cropped and resized"):
        folders.load(as_folder(files, tmp_path))


def test_a_class_of_copies_is_refused(tmp_path: Path) -> None:
    """They share a side, so that the class would be missing in the other part."""
    files = {name: picture(7) if name.startswith("dogs") else data for name, data in content().items()}
    with pytest.raises(
        DataError, match=r"Class 'dogs' of .* has no image in the training part, because too many .* copies"
    ):
        folders.load(as_folder(files, tmp_path))


def test_what_was_read_and_how_is_said(tmp_path: Path) -> None:
    see_through = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    see_through.putpixel((3, 3), (0, 0, 0, 255))
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20)
    gif = BytesIO()
    frames = [Image.fromarray(np.full((20, 20), value, np.uint8)) for value in (10, 200)]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    files = content() | {
        **{f"cats/alpha{i}.png": saved(see_through) for i in range(2)},
        "dogs/deep.png": saved(Image.fromarray(deep)),
        "dogs/moving.gif": gif.getvalue(),
        "cats/x.txt": b"",
        "dogs/.DS_Store": b"",
        "root.png": picture(1),
    }
    notes = (
        "3 classes: cats 14, dogs 14, über 12.",
        "3 files were passed over: 1 .txt, 1 hidden, 1 image outside of the folders of classes.",
        "2 images have transparency: laid on white.",
        "1 image has 16 bits a channel: scaled to 8; the brightest grey value is 399 of 65,535.",
        "1 image is the first of an animation or a file of several.",
    )
    for make in (as_folder, as_zip):
        path = make(files, tmp_path)
        assert folders.load(path).notes == info(f"image-folder:{path}").notes == notes


def test_all_formats_are_classes(tmp_path: Path) -> None:
    """A class of one format alone was not there at all."""
    kinds = {"bmp": "BMP", "tif": "TIFF", "TIFF": "TIFF", "gif": "GIF", "jfif": "JPEG", "avif": "AVIF", "ppm": "PPM"}
    kinds |= {"pgm": "PPM", "ico": "ICO", "jp2": "JPEG2000", "qoi": "QOI", "pcx": "PCX", "dib": "BMP", "apng": "PNG"}
    files = {
        f"{suffix.lower()}-{kind}/{i}.{suffix}": picture(100 * k + i, kind, size=(32, 32))
        for k, (suffix, kind) in enumerate(kinds.items())
        for i in range(10)
    }
    folder = folders.load(as_folder(files, tmp_path))
    assert folder.classes == tuple(sorted(f"{suffix.lower()}-{kind}" for suffix, kind in kinds.items()))
    assert np.bincount(folder.y).tolist() == [10] * len(kinds)


def test_an_unknown_digest_has_changed(tmp_path: Path) -> None:
    folder = as_folder(content(), tmp_path)
    before = info(f"image-folder:{folder}").name
    (folder / "cats" / "0.png").write_bytes(picture(999))
    with pytest.raises(DataError, match="have changed since"):
        info(before)
