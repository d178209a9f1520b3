"""Other points than the training set's: disjoint from it, as many, each class with its share, and seeded."""

from pathlib import Path

import numpy as np
import pytest

from core.catalog.lookup import data_info
from core.data.others import draw_others
from core.data.split import draw
from core.system.errors import DataError


def as_set(x: np.ndarray) -> set[bytes]:
    return {np.ascontiguousarray(image).tobytes() for image in x}


def test_no_image_of_the_training_set_is_among_them() -> None:
    info = data_info("fashion-mnist")
    split = draw(info, train_size=300, test_size=20, seed=3)
    others = draw_others(info, train_size=300, seed=3)
    assert others.x.shape == split.train_x.shape
    assert np.bincount(others.y).tolist() == np.bincount(split.train_y).tolist()
    assert not as_set(others.x[:]) & as_set(split.train_x[:])
    again, another = draw_others(info, train_size=300, seed=3), draw_others(info, train_size=300, seed=4)
    np.testing.assert_array_equal(again.x[:], others.x[:])
    assert not np.array_equal(another.x[:], others.x[:])


def test_vectors_come_with_their_labels(tmp_path: Path) -> None:
    y = np.arange(40) % 4
    z = np.column_stack([y, np.arange(40), np.random.default_rng(0).random(40)]).astype(np.float32)
    np.savez(tmp_path / "a.npz", train_features=z, train_labels=y, test_features=z + 0.5, test_labels=y)
    info = data_info(f"features:{tmp_path / 'a.npz'}")
    split, others = draw(info, train_size=20, test_size=10, seed=0), draw_others(info, train_size=20, seed=0)
    assert split.train_vectors is not None
    assert others.vectors is not None
    rows = np.concatenate([split.train_vectors[:, 1], others.vectors[:, 1]])
    assert sorted(rows.tolist()) == list(range(40))
    np.testing.assert_array_equal(others.vectors[:, 0], others.y)


def test_too_few_others_are_refused_with_what_is_left(tmp_path: Path) -> None:
    y = np.repeat([0, 1], [38, 2])
    z = np.random.default_rng(0).random((40, 3))
    np.savez(tmp_path / "a.npz", train_features=z, train_labels=y, test_features=z + 0.5, test_labels=y)
    info = data_info(f"features:{tmp_path / 'a.npz'}")
    with pytest.raises(DataError, match="beside the 24 of the training set, only 16 are left"):
        draw_others(info, train_size=24, seed=0)
    with pytest.raises(DataError, match="beside the 38 of the training set, none of '1' are left"):
        draw_others(info, train_size=38, seed=0)
