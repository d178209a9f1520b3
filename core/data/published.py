"""Published splits of a tree of images: folders named after training, validation and test data.

They may stand above the classes (train/cats) or below them (cats/train). They are used as they are, or refused with the
reason; they are never classes, and their images are never mixed. With a test part, validation images are trained on;
without one, they are the test part.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from core.system.errors import DataError

_WORDS = {
    "train": "train training trainset trainingset trainval trn",
    "val": "val valid validation valset validset validationset dev devset",
    "test": "test testing testset testingset tst eval evaluation holdout",
}
_ROLES = {word: part for part, words in _WORDS.items() for word in words.split()}
_FILLERS = frozenset(("set", "data", "dataset", "image", "images", "img", "imgs", "pictures", "photos", "split"))
"""Words beside which a folder is still named after nothing but a part: `train_images`."""


@dataclass(frozen=True)
class Image:
    """An image: the folders above it, from the root of its branch, and its path as it was given."""

    folders: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Branch:
    """A folder of a tree.

    Attributes:
        images: all images in and below it.
        folders: all folders below it, each as the folders that lead to it.
        empty: those of them that hold no file, nor does any folder below them.
    """

    images: tuple[Image, ...]
    folders: frozenset[tuple[str, ...]]
    empty: frozenset[tuple[str, ...]]

    @cached_property
    def _of_top(self) -> dict[str, tuple[Image, ...]]:
        images = defaultdict(list)
        for image in self.images:
            if image.folders:
                images[image.folders[0]].append(image)
        return {top: tuple(images[top]) for top in sorted(images)}

    def tops(self) -> list[str]:
        """The folders directly in it that hold images, at any depth."""
        return list(self._of_top)

    def without_images(self) -> list[str]:
        """The folders directly in it that hold none."""
        return sorted({folder[0] for folder in self.folders} - self._of_top.keys())

    def below(self, top: str) -> "Branch":
        """The folder of a name that is directly in it."""
        images = tuple(Image(image.folders[1:], image.name) for image in self._of_top.get(top, ()))
        folders, empty = (
            frozenset(folder[1:] for folder in group if folder[0] == top and len(folder) > 1)
            for group in (self.folders, self.empty)
        )
        return Branch(images, folders, empty)


@dataclass(frozen=True)
class Part:
    """A folder of a published split: its name, what it is used as ("train" or "test"), and what it holds."""

    name: str
    role: str
    branch: Branch


def outer_parts(branch: Branch, where: str) -> list[Part]:
    """The parts of a published split that stands above the classes; none without one.

    Args:
        branch: the tree.
        where: what it is called in messages.

    Raises:
        DataError: there is one, but it can't be used.
    """
    tops = branch.tops()
    named = {name: part for name in tops if (part := role(name))}
    named |= {name: role(name) for name in branch.without_images() if _is_exact(name)}
    exact = {part for name, part in named.items() if _is_exact(name)}
    is_deep = any(len(image.folders) > 1 for image in branch.images if image.folders and image.folders[0] in named)
    is_deep_exact = any(
        len(image.folders) > 1 for image in branch.images if image.folders and _is_exact(image.folders[0])
    )
    if others := [name for name in tops if name not in named]:
        if _are_parts(exact) or is_deep_exact or (is_deep and _are_parts(set(named.values()))):
            raise DataError(
                f"{_names(named)} of {where} look like a published split, but not what is beside them, "
                f"{_names(others)}: remove what is no part of the split, or rename folders that are classes."
            )
        return []
    if len(named) < 2:
        return []
    if twice := [part for part, count in Counter(named.values()).items() if count > 1]:
        alike = [name for name, part in named.items() if part == twice[0]]
        raise DataError(f"{_names(alike)} of {where} look like the same part of a published split: keep one of them.")
    if not _are_parts(set(named.values())):
        raise DataError(
            f"{_names(named)} of {where} look like a published split without a training part: name it 'train', or "
            "rename folders that are classes."
        )
    roles = _use(named)
    return [Part(name, roles[name], branch.below(name)) for name in sorted(named)]


def inner_parts(branch: Branch, where: str) -> dict[str, str]:
    """The folders of a published split that stands below every class, and what each is used as; none without one.

    Args:
        branch: the tree.
        where: what it is called in messages.

    Raises:
        DataError: there is one, but a class lacks a part.
    """
    inside: dict[str, set[str]] = defaultdict(set)
    for image in branch.images:
        if image.folders:
            inside[image.folders[0]].add(image.folders[1] if len(image.folders) > 1 else "")
    every = {name for names in inside.values() for name in names}
    named = {name: part for name in every if (part := role(name))}
    if len(inside) < 2 or named.keys() != every or not _are_parts(set(named.values())):
        return {}
    missing = sorted(f"{name!r} of {top!r}" for top, names in inside.items() for name in every - names)
    if missing or len(set(named.values())) < len(named):
        reason = f"missing: {', '.join(missing[:10])}" if missing else f"{_names(named)} name a part twice"
        raise DataError(
            f"The folders of classes of {where} hold a published split, but not all of them the same parts; {reason}. "
            "Every class needs images in every part."
        )
    return _use(named)


def refuse_mixed(placed: Iterable[tuple[str, tuple[str, ...]]], where: str) -> None:
    """Refuse classes that hold the parts of a split, or that are no classes but hold the same classes each.

    Args:
        placed: class of each image, and the folders below the class in which it lies.
        where: what the tree is called in messages.

    Raises:
        DataError: there are such classes.
    """
    below: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for label, folders in placed:
        below[label].add(folders)
    words = {name for groups in below.values() for folders in groups for name in folders if _is_exact(name)}
    if _are_parts({*map(role, words)}):
        raise DataError(
            f"{_names(words)} lie below folders of classes of {where}, as if they were a published split, but not "
            "directly below every class: put training and test images into two folders, each with one folder for each "
            "class."
        )
    groups = list(below.values())
    if len(groups) > 1 and len(groups[0]) > 1 and () not in groups[0] and all(group == groups[0] for group in groups):
        inner = sorted("/".join(folders) for folders in groups[0])
        raise DataError(
            f"{_names(below)} of {where} hold the same folders each ({_names(inner)}), so that either could be the "
            "classes: put the images directly into one folder for each class."
        )


def role(name: str) -> str:
    """The part that a folder is named after: "train", "val", "test", or "" for none."""
    roles = {_ROLES[word] for word in _words(name) if word in _ROLES}
    if roles == {"train", "val"}:  # train_val, as PASCAL VOC has it
        return "train"
    return roles.pop() if len(roles) == 1 else ""


def _are_parts(roles: set[str]) -> bool:
    """Whether there is something to train on and something to test on."""
    return "train" in roles and len(roles) > 1


def _use(named: dict[str, str]) -> dict[str, str]:
    """What each part is used as: validation images are trained on if there is a test part."""
    val = "train" if "test" in named.values() else "test"
    return {name: val if part == "val" else part for name, part in sorted(named.items())}


def _is_exact(name: str) -> bool:
    """Whether a folder is named after a part and nothing else."""
    return bool(role(name)) and all(word in _ROLES or word in _FILLERS for word in _words(name))


def _words(name: str) -> list[str]:
    return re.findall("[a-z]+", name.lower())


def _names(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(map(repr, ordered[:5])) + (f" and {len(ordered) - 5} more" if len(ordered) > 5 else "")
