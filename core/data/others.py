"""Other points of the same data than an experiment's training set: what an attacker has that does not know that set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data import feature_files
from core.data.readers import Labels, find
from core.data.registry import DataInfo
from core.data.split import stratified
from core.data.stored import Images, StoredImages, select
from core.spec.sides import SIDE
from core.system.errors import DataError

_STREAM = 1
"""Of the seed, so that the sample does not follow that of the training set."""


@dataclass(frozen=True)
class Sample:
    """Images (n, C, H, W) uint8 with labels (n,) int64; of feature vectors, pictures, and the vectors (n, d)."""

    x: Images | StoredImages
    y: Labels
    vectors: NDArray[np.float32] | None = None


def draw_others(
    info: DataInfo, *, train_size: int, seed: int, train_domain: str | None = None, side: int = SIDE
) -> Sample:
    """As many points as the training set of an experiment has, none of them in it, each class with its share.

    Args:
        info: the record of the data set.
        train_size: n, at most half of the training part.
        seed: of the experiment, which drew its training set as `core.data.split.draw` does.
        train_domain: of the training images, for data that has domains.
        side: of a user's images, in pixels.

    Raises:
        DataError: the files can't be read, or too few points are left.
    """
    raw: NDArray[np.float32] | None = None
    if info.width:
        raw, y = feature_files.read(info, "train")
    else:
        images, y = find(info, "train", train_domain, side)
    taken = stratified(y, train_size, np.random.default_rng(seed))
    left = np.setdiff1d(np.arange(len(y)), taken)
    missing = [name for c, name in enumerate(info.classes) if not (y[left] == c).any()]
    if len(left) < train_size or missing:
        what = f"none of {', '.join(map(repr, missing[:5]))}" if missing else f"only {len(left)}"
        raise DataError(
            f"{info.title} has too few points for an attacker with points of its own: beside the {train_size} of the "
            f"training set, {what} are left. Take a smaller train_size, or let the attacker know the training set."
        )
    rows = left[stratified(y[left], train_size, np.random.default_rng([seed, _STREAM]))]
    if raw is not None:
        return Sample(feature_files.pictures(raw[rows], raw[taken]), y[rows], raw[rows])
    return Sample(select(images, rows), y[rows])
