"""Which class and part each image of a tree belongs to, by its path alone: one rule for folders and zips.

1. Hidden files and files that are no images are passed over, and counted.
2. A folder that holds all images in folders of its own is a wrapper, and is looked into.
3. Folders named after training, validation and test data are a published split: see `core.data.published`.
4. Every other folder is a class, with all images below it. Images beside the classes are passed over, and counted.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.data.published import Branch, Image, inner_parts, outer_parts, refuse_mixed, role
from core.system.errors import DataError, shown

SUFFIXES = (
    *(
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".webp",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".avif",
    ),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".ico", ".jp2", ".j2k", ".qoi", ".pcx"),
)
"""Of the files that are read."""
_OTHER_FORMATS = """
.svg .svgz .heic .heif .hif .jxl .psd .psb .xcf .kra .raw .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .eps .ai .tga .exr
.hdr .dds .dcm .dicom .jxr .wdp .emf .wmf .icns .cur .xbm .xpm .sgi .ras .fits .fit .avifs
"""
UNREADABLE = frozenset(_OTHER_FORMATS.split())
"""Of images that are refused, by name: a class would silently shrink without them."""
_OF_SYSTEMS = frozenset(("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__pycache__", "icon\r"))
_SHOWN = 10
"""Names in one sentence."""


@dataclass(frozen=True)
class Placed:
    """An image in its place.

    Attributes:
        label: the name of its class, in Unicode's composed form (NFC).
        part: "train" or "test" of a published split; "" without one.
        name: its path, as it was given.
    """

    label: str
    part: str
    name: str


@dataclass(frozen=True)
class Tree:
    """The images of a tree, by class and path, and a full account of it in sentences."""

    images: tuple[Placed, ...]
    notes: tuple[str, ...]


def arrange(names: Iterable[str], folders: Iterable[str], where: str) -> Tree:
    """Find the class and the part of each image.

    Args:
        names: POSIX paths of all files, relative to the tree's root.
        folders: POSIX paths of folders; those that hold files need not be among them.
        where: what the tree is called in messages.

    Raises:
        DataError: the tree can be understood in more than one way, its published split can't be used, or a class holds
            an image of a format that can't be read.
    """
    passed: Counter[str] = Counter()
    visible = _visible(names, folders, passed)
    found, split, without = _layout(visible, where)
    for image, _ in found:
        suffix = PurePosixPath(image.name).suffix
        if suffix.lower() in UNREADABLE:
            raise DataError(
                f"{shown(image.name)} of {where} is of a format that can't be read, {suffix}: convert it, to PNG for "
                f"example, or remove it. Allowed: {', '.join(SUFFIXES)}."
            )
    refuse_mixed([(image.label, below) for image, below in found], where)
    if outside := len(visible.images) - len(found):
        passed[f"image{'s' * (outside > 1)} outside of the folders of classes"] = outside
    images = tuple(
        sorted((image for image, _ in found), key=lambda image: (image.label, _composed(image.name), image.name))
    )
    remarks = _remarks(passed, without, sum(bool(below) for _, below in found))
    return Tree(images, tuple(note for note in (_counts(images), split, *remarks) if note))


_Found = list[tuple[Placed, tuple[str, ...]]]
"""Images in their places, with the folders between each and the folder of its class."""


def _layout(visible: Branch, where: str) -> tuple[_Found, str, list[str]]:
    """The images in their places, a sentence on the published split, and the folders without images."""
    branch, wrappers = _unwrapped(visible)
    found: _Found
    if parts := outer_parts(branch, where):
        inside = [(part, _unwrapped(part.branch)[0]) for part in parts]
        _refuse_unequal({part.name: {*within.tops()} for part, within in inside}, where)
        found = [
            (Placed(image.folders[0], part.role, image.name), image.folders[1:])
            for part, within in inside
            for image in within.images
            if image.folders
        ]
        counts = [(part.name, part.role, sum(bool(i.folders) for i in within.images)) for part, within in inside]
        without = {folder for _, within in inside for folder in within.without_images()}
        others = set(branch.without_images()) - {part.name for part in parts}
        return found, _published(counts), sorted(without | others)
    classed = [image for image in branch.images if image.folders]
    if roles := inner_parts(branch, where):
        found = [(Placed(i.folders[0], roles[i.folders[1]], i.name), i.folders[2:]) for i in classed]
        of_folder = Counter(image.folders[1] for image in classed)
        split = _published([(name, use, of_folder[name]) for name, use in roles.items()])
        return found, split, branch.without_images()
    found = [(Placed(image.folders[0], "", image.name), image.folders[1:]) for image in classed]
    alone = next(
        (f"All images lie in {shown(name)}: a test part is drawn from it." for name in wrappers if role(name)), ""
    )
    return found, alone, branch.without_images()


def _visible(names: Iterable[str], folders: Iterable[str], passed: Counter[str]) -> Branch:
    """The images and the folders that are not hidden; all other files are counted."""
    images: list[Image] = []
    visible: set[tuple[str, ...]] = set()
    filled: set[tuple[str, ...]] = set()
    for name in names:
        *above, file = _composed(name).split("/")
        if _is_hidden((*above, file)):
            passed["hidden"] += 1
            first = next((i for i, part in enumerate(above) if _is_hidden([part])), len(above))
            visible.update(tuple(above[:depth]) for depth in range(1, first + 1))
            continue
        filled.update(tuple(above[:depth]) for depth in range(1, len(above) + 1))
        suffix = PurePosixPath(file).suffix.lower()
        if suffix in SUFFIXES or suffix in UNREADABLE:
            images.append(Image(tuple(above), name))
        else:
            passed[_kind(suffix)] += 1
    for name in folders:
        parts = tuple(_composed(name).split("/"))
        if not _is_hidden(parts):
            visible.update(parts[:depth] for depth in range(1, len(parts) + 1))
    return Branch(tuple(images), frozenset(visible | filled), frozenset(visible - filled))


def _unwrapped(branch: Branch) -> tuple[Branch, list[str]]:
    """What the wrappers around a tree hold, and their names."""
    wrappers = []
    while len(tops := branch.tops()) == 1:
        inside = branch.below(tops[0])
        has_empty = any(len(folder) == 1 for folder in branch.empty)  # an empty class beside it: then it is a class
        if has_empty or not any(image.folders for image in inside.images):
            break
        branch = inside
        wrappers += tops
    return branch, wrappers


def _refuse_unequal(classes: dict[str, set[str]], where: str) -> None:
    """Refuse a published split whose parts do not hold the same classes."""
    for name, labels in classes.items():
        if not labels:
            raise DataError(
                f"{name!r} of {where} is a part of a published split, but holds no folders of classes with images: put "
                "its images into one folder for each class, or remove it; if it is a class, rename it."
            )
    everywhere = set().union(*classes.values())
    if missing := [f"{label!r} in {name!r}" for name, labels in classes.items() for label in everywhere - labels]:
        raise DataError(
            f"The parts of the published split of {where} hold different classes; missing: {_listed(sorted(missing))}. "
            "Every class needs images in every part: add them, or remove the class."
        )


def _published(parts: list[tuple[str, str, int]]) -> str:
    """Which folders the training and the test part are made of: name, role and number of images of each."""
    counts = [
        " and ".join(f"{shown(name)} ({count:,})" for name, use, count in sorted(parts) if use == wanted)
        for wanted in ("train", "test")
    ]
    return f"The published split is used: trained on {counts[0]}, tested on {counts[1]} images."


def _counts(images: Iterable[Placed]) -> str:
    counts = Counter(image.label for image in images)
    if not counts:
        return ""
    number = "1 class" if len(counts) == 1 else f"{len(counts)} classes"
    return f"{number}: {_listed([f'{shown(label)} {count:,}' for label, count in sorted(counts.items())])}."


def _remarks(passed: Counter[str], without: list[str], deeper: int) -> list[str]:
    remarks = []
    if total := sum(passed.values()):
        kinds = _listed(
            [f"{count:,} {kind}" for kind, count in sorted(passed.items(), key=lambda kind: (-kind[1], kind))]
        )
        remarks.append(f"{total:,} file{' was' if total == 1 else 's were'} passed over: {kinds}.")
    if without:
        number = (
            "1 folder holds no image and is" if len(without) == 1 else f"{len(without)} folders hold no image and are"
        )
        remarks.append(f"{number} no class: {_listed([*map(shown, without)])}.")
    if deeper:
        number = "1 image lies" if deeper == 1 else f"{deeper:,} images lie"
        remarks.append(f"{number} in folders below the folder of a class, and count as of that class.")
    return remarks


def _is_hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") or part.lower() in _OF_SYSTEMS for part in parts)


def _kind(suffix: str) -> str:
    """The kind of a file that is passed over, as it is counted."""
    if not suffix:
        return "without a suffix"
    return suffix if suffix[1:].isalnum() and len(suffix) <= 12 else "other"


def _composed(name: str) -> str:
    """A name as most systems write it: macOS stores é as two characters, so that a folder and its zip would differ."""
    return unicodedata.normalize("NFC", name)


def _listed(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
