"""The images of one experiment: a seeded, stratified sample of a data set, with every class in both parts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data import feature_files
from core.data.readers import Labels, find
from core.data.registry import DataInfo
from core.data.stored import Images, StoredImages, select
from core.spec.sides import SIDE
from core.system.errors import DataError


@dataclass(frozen=True)
class Split:
    """Training and test images of one experiment, (N, C, H, W) uint8 each, with (N,) int64 labels.

    A user's images may be more than fit the memory, and stay on disk. Of a user's features, the images are pictures of
    the vectors (N, d), which are here, too.
    """

    train_x: Images | StoredImages
    train_y: Labels
    test_x: Images | StoredImages
    test_y: Labels
    train_vectors: NDArray[np.float32] | None = None
    test_vectors: NDArray[np.float32] | None = None


def draw(
    info: DataInfo,
    *,
    train_size: int,
    test_size: int,
    seed: int,
    train_domain: str | None = None,
    test_domain: str | None = None,
    side: int = SIDE,
    test_rows: NDArray[np.intp] | None = None,
) -> Split:
    """Draw training and test images from the disjoint parts of a data set; each holds every class.

    Args:
        info: the record of the data set.
        train_size, test_size: number of images.
        seed: of the sample.
        train_domain, test_domain: domains, for data that has them.
        side: of a user's images, in pixels; others have their own.
        test_rows: (t,) rows of the data set's test part, in place of a sample of `test_size`; the training images are
            the same.

    Raises:
        DataError: the data set's files can't be read, a part lacks a class, or a size is out of bounds.
    """
    rng = np.random.default_rng(seed)
    if info.width:
        return _draw_vectors(info, train_size, test_size, rng, test_rows)
    train_x, train_y = find(info, "train", train_domain, side)
    test_x, test_y = find(info, "test", test_domain, side)
    _check_part(info, "training", train_y, train_size)
    _check_part(info, "test", test_y, test_size)
    train_rows = stratified(train_y, train_size, rng)
    if test_rows is None:
        test_rows = stratified(test_y, test_size, rng)
    return Split(select(train_x, train_rows), train_y[train_rows], select(test_x, test_rows), test_y[test_rows])


def _draw_vectors(
    info: DataInfo,
    train_size: int,
    test_size: int,
    rng: np.random.Generator,
    test_rows: NDArray[np.intp] | None,
) -> Split:
    """A sample of a user's features; arguments and errors as for `draw`."""
    (train_z, train_y), (test_z, test_y) = feature_files.read(info, "train"), feature_files.read(info, "test")
    _check_part(info, "training", train_y, train_size)
    _check_part(info, "test", test_y, test_size)
    train_rows = stratified(train_y, train_size, rng)
    if test_rows is None:
        test_rows = stratified(test_y, test_size, rng)
    train, test = train_z[train_rows], test_z[test_rows]
    return Split(
        feature_files.pictures(train, train),
        train_y[train_rows],
        feature_files.pictures(test, train),
        test_y[test_rows],
        train,
        test,
    )


def labels_of_test(info: DataInfo, domain: str | None = None, side: int = SIDE) -> Labels:
    """(N,) labels of the whole test part of a data set, to whose rows `test_rows` of `draw` refer.

    Args:
        info: the record of the data set.
        domain: for data that has domains.
        side: of a user's images, in pixels.

    Raises:
        DataError: the data set's files can't be read.
    """
    return feature_files.read(info, "test")[1] if info.width else find(info, "test", domain, side)[1]


def _check_part(info: DataInfo, part: str, y: Labels, size: int) -> None:
    """Check that a part has images of every class, and that a sample of this size can hold them.

    Args:
        info: the record of the data set.
        part: "training" or "test", for the message.
        y: (N,) labels of the part.
        size: images in the sample.

    Raises:
        DataError: it does not, or can't; the message names the classes, or the sizes that would do.
    """
    counts = np.bincount(y, minlength=len(info.classes))
    missing = [name for name, count in zip(info.classes, counts, strict=True) if count == 0]
    if missing:
        names = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DataError(
            f"{info.title} has no {part} image of {names}: each class needs one for training and one for the test, "
            "and copies of an image count once. Add images, or leave the class out."
        )
    if not len(info.classes) <= size <= len(y):
        raise DataError(
            f"{size} {part} images of {info.title} are asked for; with one of each class, "
            f"{len(info.classes)} to {len(y)} are possible."
        )


def stratified(y: Labels, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of a random sample in which every class keeps its share (largest remainders first), and has a row.

    A class whose share is less than a row gets one from the class with the most: without a test image its accuracy is
    unknown, and without a training image the head can't predict it.

    Args:
        y: (N,) labels.
        size: rows in the sample; at least as many as there are classes in y.
        rng: source of randomness.

    Returns:
        (size,) rows of y, in random order.
    """
    classes, counts = np.unique(y, return_counts=True)
    exact = size * counts / counts.sum()
    quota = np.floor(exact).astype(int)
    spare = np.argsort(quota - exact, kind="stable")[: size - quota.sum()]
    quota[spare] += 1
    for rare in np.flatnonzero(quota == 0):
        quota[rare] += 1
        quota[quota.argmax()] -= 1
    rows = [rng.permutation(np.flatnonzero(y == c))[:k] for c, k in zip(classes, quota, strict=True)]
    return rng.permutation(np.concatenate(rows))
