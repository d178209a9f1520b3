"""The images of one experiment: a seeded, stratified sample of a data set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.readers import Images, Labels, read
from core.data.registry import DataInfo


@dataclass(frozen=True)
class Split:
    """Training and test images of one experiment, (N, C, H, W) uint8 each, with (N,) int64 labels."""

    train_x: Images
    train_y: Labels
    test_x: Images
    test_y: Labels


def draw(
    info: DataInfo,
    *,
    train_size: int,
    test_size: int,
    seed: int,
    train_domain: str | None = None,
    test_domain: str | None = None,
) -> Split:
    """Draw training and test images from the disjoint parts of a data set.

    Args:
        info: the record of the data set.
        train_size, test_size: number of images.
        seed: of the sample.
        train_domain, test_domain: domains, for data that has them.

    Raises:
        DataError: the data set's files can't be read.
    """
    rng = np.random.default_rng(seed)
    train_x, train_y = read(info, "train", train_domain)
    test_x, test_y = read(info, "test", test_domain)
    train_rows = stratified(train_y, train_size, rng)
    test_rows = stratified(test_y, test_size, rng)
    return Split(train_x[train_rows], train_y[train_rows], test_x[test_rows], test_y[test_rows])


def stratified(y: Labels, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of a random sample in which every class keeps its share (largest remainders first).

    Args:
        y: (N,) labels.
        size: rows in the sample.
        rng: source of randomness.

    Returns:
        (size,) rows of y, in random order.
    """
    classes, counts = np.unique(y, return_counts=True)
    exact = size * counts / counts.sum()
    quota = np.floor(exact).astype(int)
    spare = np.argsort(quota - exact, kind="stable")[: size - quota.sum()]
    quota[spare] += 1
    rows = [rng.permutation(np.flatnonzero(y == c))[:k] for c, k in zip(classes, quota, strict=True)]
    return rng.permutation(np.concatenate(rows))
