"""One rule for folders and zips: which class and part an image belongs to, and an account of everything else."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from core.data import folders, pictures
from core.data.readers import read
from core.data.split import draw
from core.data.tree import SUFFIXES, UNREADABLE, arrange
from core.system.errors import DataError
from tests.pictures import as_folder, as_zip, picture

Parts = dict[tuple[str, str], int]
"""Number of images by class and part."""


def filled(*places: str, count: int = 2) -> list[str]:
    return [f"{place}/{i}.png" for place in places for i in range(count)]


def halves(*labels: str, train: int = 2, test: int = 2) -> Parts:
    return {(label, part): count for label in labels for part, count in (("train", train), ("test", test))}


PLAIN: Parts = {("cats", ""): 2, ("dogs", ""): 2}
SPLIT = "The published split is used: "
TREES: dict[str, tuple[list[str], list[str], Parts, list[str]]] = {
    "plain": (filled("cats", "dogs"), [], PLAIN, []),
    "in a wrapper": (filled("pets/cats", "pets/dogs"), ["pets"], PLAIN, []),
    "in nested wrappers": (filled("a/b/c/cats", "a/b/c/dogs"), [], PLAIN, []),
    "of macOS": (
        [*filled("pets/cats", "pets/dogs"), "__MACOSX/pets/cats/._0.png", "pets/cats/._0.png", "pets/.DS_Store"],
        [],
        PLAIN,
        ["3 files were passed over: 3 hidden."],
    ),
    "hidden folders": (
        [*filled("cats", "dogs", ".ipynb_checkpoints", "cats/.ipynb_checkpoints", "@eaDir"), "cats/Thumbs.db"],
        [],
        PLAIN,
        ["7 files were passed over: 7 hidden."],
    ),
    "other files": (
        [*filled("cats", "dogs"), "a.txt", "cats/b.TXT", "dogs/LICENSE", "dogs/odd.na me"],
        [],
        PLAIN,
        ["4 files were passed over: 2 .txt, 1 other, 1 without a suffix."],
    ),
    "images at the root": (
        ["pets/a.png", "b.png", "pets/logo.svg", *filled("pets/cats", "pets/dogs")],
        [],
        PLAIN,
        ["3 files were passed over: 3 images outside of the folders of classes."],
    ),
    "an empty class": (
        filled("cats", "dogs"),
        ["birds"],
        PLAIN,
        ["1 folder holds no image and is no class: birds."],
    ),
    "folders without images": (
        [*filled("images/cats", "images/dogs"), "xmls/1.xml", "images/cats/sub/a.txt"],
        ["images/cats"],
        PLAIN,
        ["2 files were passed over: 1 .txt, 1 .xml."],
    ),
    "a class that was emptied": (
        [*filled("cats", "dogs"), "birds/.DS_Store"],
        [],
        PLAIN,
        ["1 file was passed over: 1 hidden.", "1 folder holds no image and is no class: birds."],
    ),
    "deeper": (
        filled("cats/tabby", "cats/wild/old", "dogs"),
        [],
        {("cats", ""): 4, ("dogs", ""): 2},
        ["4 images lie in folders below the folder of a class, and count as of that class."],
    ),
    "a training part alone": (
        filled("pets/train/cats", "pets/train/dogs"),
        [],
        PLAIN,
        ["All images lie in train: a test part is drawn from it."],
    ),
    "train, test": (
        filled("train/cats", "train/dogs", "test/cats", "test/dogs"),
        [],
        halves("cats", "dogs"),
        [f"{SPLIT}trained on train (4), tested on test (4) images."],
    ),
    "train, val": (
        filled("train/cats", "train/dogs", "val/cats", "val/dogs"),
        [],
        halves("cats", "dogs"),
        [f"{SPLIT}trained on train (4), tested on val (4) images."],
    ),
    "train, val, test in a wrapper": (
        filled(*(f"pets/{part}/{label}" for part in ("Training", "VALIDATION", "Testing") for label in ("a", "b"))),
        ["pets/Training/c", "pets/notes"],
        halves("a", "b", train=4),
        [
            f"{SPLIT}trained on Training (4) and VALIDATION (4), tested on Testing (4) images.",
            "2 folders hold no image and are no class: c, notes.",
        ],
    ),
    "parts with wrappers of their own": (
        [
            *filled(*(f"seg_{part}/seg_{part}/{label}" for part in ("train", "test") for label in "ab")),
            "seg_test/x.png",
        ],
        [],
        halves("a", "b"),
        [
            f"{SPLIT}trained on seg_train (4), tested on seg_test (4) images.",
            "1 file was passed over: 1 image outside of the folders of classes.",
        ],
    ),
    "a split below the classes": (
        [*filled("cats/train", "cats/test", "dogs/train", "dogs/test/far"), "x.png"],
        [],
        halves("cats", "dogs"),
        [
            f"{SPLIT}trained on train (4), tested on test (4) images.",
            "1 file was passed over: 1 image outside of the folders of classes.",
            "2 images lie in folders below the folder of a class, and count as of that class.",
        ],
    ),
    "a class that is a train": (filled("train", "bus"), [], {("bus", ""): 2, ("train", ""): 2}, []),
    "a part in longer names": (
        filled("train_station", "test_tube", "dogs"),
        [],
        {(label, ""): 2 for label in ("dogs", "test_tube", "train_station")},
        [],
    ),
    "valid and invalid": (filled("valid", "invalid"), [], {("invalid", ""): 2, ("valid", ""): 2}, []),
}


@pytest.mark.parametrize("case", TREES)
def test_every_file_has_a_place_or_is_counted(case: str) -> None:
    names, empty, parts, notes = TREES[case]
    tree = arrange(names, empty, "pets")
    assert Counter((image.label, image.part) for image in tree.images) == parts
    labels = sorted({label for label, _ in parts})
    counts = {label: sum(count for (other, _), count in parts.items() if other == label) for label in labels}
    listed = ", ".join(f"{label} {count}" for label, count in counts.items())
    assert list(tree.notes) == [f"{len(labels)} classes: {listed}.", *notes]
    assert {image.name for image in tree.images} <= {*names}


REFUSED: dict[str, tuple[list[str], list[str], str]] = {
    "a folder beside a split": (
        filled("train/a", "train/b", "test/a", "test/b", "extra/a"),
        [],
        r"'test', 'train' of pets look like a published split, but not what is beside them, 'extra': remove",
    ),
    "images beside a split": (filled("train", "test", "extra"), [], r"beside them, 'extra'"),
    "a training part beside a class": (filled("train/a", "train/b", "c"), [], r"beside them, 'c'"),
    "parts without classes": (filled("train", "test"), [], r"'test' of pets is a part .* holds no folders of classes"),
    "a test part without labels": (filled("train/a", "train/b", "test1"), [], r"'test1' of pets .* no folders of"),
    "an empty test part": (filled("train/a", "train/b"), ["test"], r"'test' of pets is a part"),
    "other classes": (
        filled("train/a", "train/b", "test/a", "val/a", "val/b"),
        [],
        r"hold different classes; missing: 'b' in 'test'\. Every class needs images in every part",
    ),
    "an empty class of a part": (
        filled("train/a", "train/b", "test/a"),
        ["test/b"],
        r"missing: 'b' in 'test'",
    ),
    "two training parts": (filled("train1/a", "train2/a", "test/a"), [], r"'train1', 'train2' .* the same part"),
    "no training part": (filled("test/a", "test/b", "val/a", "val/b"), [], r"without a training part"),
    "a split below one class": (filled("a/train", "a/test", "b"), [], r"'test', 'train' lie below folders of classes"),
    "a part that a class lacks": (filled("a/train", "a/test", "b/train"), [], r"missing: 'test' of 'b'"),
    "a part twice below": (
        filled(*(f"{c}/{p}" for c in "ab" for p in ("train", "training", "test"))),
        [],
        r"name a part twice",
    ),
    "a split of two folders": (
        filled("x/train/a", "x/train/b", "y/test/a", "y/test/b"),
        [],
        r"not all of them the same parts; missing: 'test' of 'x', 'train' of 'y'",
    ),
    "domains": (
        filled("day/cats", "day/dogs", "night/cats", "night/dogs"),
        [],
        r"'day', 'night' of pets hold the same folders each \('cats', 'dogs'\)",
    ),
    **{
        f"an image of {suffix}": (
            [*filled("a", "b"), f"a/x{suffix.upper()}"],
            [],
            rf"a/x{suffix.upper()} of pets is of a",
        )
        for suffix in sorted(UNREADABLE)
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tree_that_can_be_taken_in_two_ways_is_refused(case: str) -> None:
    names, empty, words = REFUSED[case]
    with pytest.raises(DataError, match=words) as caught:
        arrange(names, empty, "pets")
    assert "\n" not in str(caught.value)


def test_no_format_is_both_read_and_refused() -> None:
    assert not UNREADABLE & {*SUFFIXES}


def test_a_lonely_class_beside_an_empty_one_is_no_wrapper() -> None:
    tree = arrange(filled("cats/old", "cats/young"), ["dogs"], "pets")
    assert {image.label for image in tree.images} == {"cats"}
    assert "1 folder holds no image and is no class: dogs." in tree.notes


def test_the_order_of_names_does_not_matter() -> None:
    """Even where two names differ only in how an accent is stored."""
    names = [f"{unicodedata.normalize(form, 'über')}/{i}.png" for i in range(3) for form in ("NFC", "NFD")]
    assert arrange(names, [], "pets") == arrange(reversed(names), [], "pets")


def test_a_sentence_stays_a_sentence_whatever_the_names() -> None:
    with pytest.raises(DataError, match=r"^'new\\nline/a\.svg' of pets"):
        arrange([*filled("cats"), "new\nline/a.svg"], [], "pets")
    assert arrange(filled("cats", "new\nline"), [], "pets").notes == ("2 classes: cats 2, 'new\\nline' 2.",)


def test_many_classes_are_not_all_listed() -> None:
    (note,) = arrange(filled(*(f"c{i:02}" for i in range(40))), [], "pets").notes
    assert note == "40 classes: " + ", ".join(f"c{i:02} 2" for i in range(10)) + " and 30 more."


def content(names: list[str]) -> dict[str, bytes]:
    return {name: picture(i) if name.endswith(".png") else b"text" for i, name in enumerate(names)}


def grown(case: str) -> list[str]:
    """The names of a case with ten times as many images, as many as are needed."""
    names = TREES[case][0]
    return [name.replace(".png", f"{k}.png") for k in range(10) for name in names if name.endswith(".png")] + [
        name for name in names if not name.endswith(".png")
    ]


@pytest.mark.parametrize("case", TREES)
def test_a_folder_and_its_zip_are_the_same_data(case: str, tmp_path: Path) -> None:
    files = content(grown(case))
    empty = TREES[case][1]
    one = folders.load(as_folder(files, tmp_path, empty))
    for wrapper in ("", "pets/", "deep/er/"):
        other = folders.load(as_zip(files, tmp_path, empty, wrapper))
        assert other.classes == one.classes
        assert other.digest == one.digest
        assert other.notes == one.notes
        assert (other.x == one.x).all()
        assert (other.y == one.y).all()
        assert (other.is_test == one.is_test).all()


@pytest.mark.parametrize("case", [case for case, (_, empty, _) in REFUSED.items() if "format" not in case][:15])
def test_what_is_refused_is_refused_of_both(case: str, tmp_path: Path) -> None:
    names, empty, words = REFUSED[case]
    for path in (as_folder(content(names), tmp_path, empty), as_zip(content(names), tmp_path, empty)):
        with pytest.raises(DataError, match=words.replace("pets", f"(?:{path})")):
            folders.load(path)


@pytest.mark.parametrize("case", ["train, test", "train, val", "a split below the classes"])
def test_a_published_split_is_used(case: str, tmp_path: Path) -> None:
    """Whatever is drawn to be tested on is of the test part."""
    files = content(grown(case))
    record = folders.info(f"image-folder:{as_folder(files, tmp_path)}")
    assert (record.train_images, record.test_images) == (40, 40)
    of = {part: {image.tobytes() for image in read(record, part)[0]} for part in ("train", "test")}
    drawn = draw(record, train_size=20, test_size=20, seed=1)
    assert {image.tobytes() for image in drawn.train_x} <= of["train"]
    assert {image.tobytes() for image in drawn.test_x} <= of["test"]
    is_train = {name: "train" in name for name in files if name.count("/") > 1}
    assert sum(is_train.values()) == 40
    expected = {pictures.read(files[name], name).pixels.tobytes() for name, train in is_train.items() if train}
    assert of["train"] == expected


def test_copies_across_a_published_split_are_counted(tmp_path: Path) -> None:
    files = content(filled("train/cats", "train/dogs", "test/cats", "test/dogs", count=10))
    files["test/cats/0.png"] = files["train/cats/3.png"]
    files["test/dogs/0.png"] = files["test/dogs/1.png"] = files["train/cats/4.png"]
    notes = folders.load(as_folder(files, tmp_path)).notes
    assert "3 test images are also training images: accuracy on them says nothing about new images." in notes


def test_another_split_is_other_data(tmp_path: Path) -> None:
    files = content(filled("train/cats", "train/dogs", "test/cats", "test/dogs", count=10))
    swapped = {
        name.replace("train", "t").replace("test", "train").replace("t/", "test/"): c for name, c in files.items()
    }
    (tmp_path / "other").mkdir()
    one, other = folders.load(as_folder(files, tmp_path)), folders.load(as_folder(swapped, tmp_path / "other"))
    assert one.digest != other.digest


def test_both_forms_of_an_accent_are_one_class(tmp_path: Path) -> None:
    labels = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    assert labels[0] != labels[1]
    both = [
        folders.load(as_folder(content(filled(label, "dogs", count=10)), tmp_path / form))
        for form, label in zip(("c", "d"), labels, strict=True)
    ]
    assert both[0].classes == both[1].classes == ("café", "dogs")
    assert both[0].digest == both[1].digest
    mixed = arrange(filled(*labels, "dogs"), [], "pets")
    assert Counter(image.label for image in mixed.images) == {"café": 4, "dogs": 2}
