"""The data sets that ship: what the records promise is what the files hold."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import readers
from core.data.readers import Images, Labels, read
from core.data.registry import DATA, DataInfo
from core.system.errors import DataError
from core.system.paths import ASSETS

EMBEDDED = {name: record for name, record in DATA.items() if record.embedded}
PARTS = [
    (name, part, domain)
    for name, record in EMBEDDED.items()
    for part in ("train", "test")
    for domain in record.domains or (None,)
]
Everything = dict[tuple[str, str, str | None], tuple[Images, Labels]]


@pytest.fixture(scope="module")
def everything() -> Everything:
    return {(name, part, domain): read(DATA[name], part, domain) for name, part, domain in PARTS}


@pytest.mark.parametrize(("name", "part", "domain"), PARTS)
def test_images_and_labels_are_as_the_record_says(
    name: str, part: str, domain: str | None, everything: Everything
) -> None:
    record = DATA[name]
    x, y = everything[name, part, domain]
    assert x.dtype == np.uint8
    assert x.shape == (len(y), *record.shape)
    assert y.dtype == np.int64
    assert set(np.unique(y)) == set(range(len(record.classes)))
    promised = record.train_images if part == "train" else record.test_images
    assert len(y) >= promised if record.domains else len(y) == promised
    assert x.max() == 255
    assert x.std(axis=0).mean() > 10, "not one and the same picture"


@pytest.mark.parametrize("name", [name for name, record in DATA.items() if record.domains])
def test_the_record_counts_the_smallest_domain(name: str, everything: Everything) -> None:
    record = DATA[name]
    for part, promised in (("train", record.train_images), ("test", record.test_images)):
        assert min(len(everything[name, part, domain][1]) for domain in record.domains) == promised


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_image_is_in_both_parts(name: str, everything: Everything) -> None:
    for domain in DATA[name].domains or (None,):
        train, test = ([image.tobytes() for image in everything[name, part, domain][0]] for part in ("train", "test"))
        # Emoji that a vendor draws alike (e.g. two flags) and a few repeats of Fashion-MNIST are in the sources.
        assert len(set(train) & set(test)) <= 0.03 * len(test)


@pytest.mark.parametrize("domain", DATA["emoji"].domains)
@pytest.mark.parametrize("other", DATA["emoji"].domains)
def test_no_emoji_is_trained_on_and_tested_in_anothers_drawing(domain: str, other: str, everything: Everything) -> None:
    train, test = ids(domain, "train"), ids(other, "test")
    assert len(train) == len(everything["emoji", "train", domain][1])
    assert len(test) == len(everything["emoji", "test", other][1])
    assert not train & test


def ids(domain: str, part: str) -> set[str]:
    """The ids of the emoji in one part, found by the reader itself: a mosaic whose tiles number themselves."""
    with (ASSETS / "data" / "emoji" / "index.csv").open(newline="") as file:
        names = [row["id"] for row in csv.DictReader(file) if row["domain"] == domain]
    n = len(names)
    high = -(-n // 48)
    numbers = np.zeros((high * 48, 3), np.uint8)
    numbers[:, 0], numbers[:, 1] = np.arange(high * 48) // 256, np.arange(high * 48) % 256
    pixels = numbers.reshape(high, 48, 3).repeat(64, axis=0).repeat(64, axis=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "open", lambda path: Image.fromarray(pixels))
        x, _ = readers._READERS["emoji"](readers._FOLDER, part, domain)  # `read` remembers the true one
    rows = x[:, 0, 0, 0].astype(int) * 256 + x[:, 1, 0, 0]
    return {names[row] for row in rows}


def test_fashion_mnist_starts_with_the_known_boot(
    everything: Everything,
) -> None:
    _, train_y = everything["fashion-mnist", "train", None]
    _, test_y = everything["fashion-mnist", "test", None]
    # The first labels of the published files.
    assert train_y[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test_y[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert np.bincount(train_y).tolist() == [6000] * 10


@pytest.mark.parametrize(
    ("part", "digest"),
    [
        ("train", "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012"),
        ("test", "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a"),
    ],
)
def test_fashion_mnist_has_the_pixels_of_the_published_files(everything: Everything, part: str, digest: str) -> None:
    # Of what follows the 16 bytes of the header in train-images-idx3-ubyte and t10k-images-idx3-ubyte.
    assert hashlib.sha256(everything["fashion-mnist", part, None][0].tobytes()).hexdigest() == digest


def small(record: DataInfo) -> Path:
    """A file of the data set, relative to the folder."""
    return {
        "fashion-mnist": Path("FashionMNIST/test-images.png"),
        "mnist": Path("mnist10k.npz"),
        "emoji": Path("emoji/google.webp"),
    }[record.name]


@pytest.mark.parametrize("harm", ["missing", "empty", "garbage", "cut"])
@pytest.mark.parametrize("name", EMBEDDED)
def test_a_damaged_file_is_one_sentence(name: str, harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = DATA[name]
    folder = tmp_path / "data"
    folder.mkdir()
    for path in (ASSETS / "data").rglob("*"):
        link = folder / path.relative_to(ASSETS / "data")
        link.mkdir() if path.is_dir() else link.symlink_to(path)
    broken = folder / small(record)
    content = broken.read_bytes()
    broken.unlink()
    harmed = {"empty": b"", "garbage": b"not a data set " * 50, "cut": content[: len(content) // 2]}
    if harm != "missing":
        broken.write_bytes(harmed[harm])
    monkeypatch.setattr(readers, "_FOLDER", folder)
    with pytest.raises(DataError) as caught:
        read(record, "test", record.domains[0] if record.domains else None)
    message = str(caught.value)
    assert repr(name) in message
    assert str(folder) in message
    assert "\n" not in message
    assert message.endswith("Restore that folder from the repository.")


def test_what_ships_is_unpacked_once_and_can_not_be_changed() -> None:
    first, again = (read(DATA["mnist"], "test")[0] for _ in range(2))
    assert again is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
