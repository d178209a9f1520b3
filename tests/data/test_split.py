"""The draw of one experiment's images: shares, seeds, and that training and test never mix."""

import numpy as np
import pytest

from core.data.registry import DATA
from core.data.split import Split, draw, stratified

EMBEDDED = [name for name, record in DATA.items() if record.embedded]


def drawn(name: str, seed: int = 0, n: int = 90, t: int = 45) -> Split:
    record = DATA[name]
    domain = record.domains[0] if record.domains else None
    return draw(record, train_size=n, test_size=t, seed=seed, train_domain=domain, test_domain=domain)


@pytest.mark.parametrize("name", EMBEDDED)
def test_sizes_types_and_every_class(name: str) -> None:
    record, split = DATA[name], drawn(name)
    assert split.train_x.shape == (90, *record.shape)
    assert split.test_x.shape == (45, *record.shape)
    assert split.train_x.dtype == split.test_x.dtype == np.uint8
    assert split.train_y.dtype == split.test_y.dtype == np.int64
    for y in (split.train_y, split.test_y):
        assert set(y) == set(range(len(record.classes)))


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_seed_decides(name: str) -> None:
    first, again, other = drawn(name), drawn(name), drawn(name, seed=1)
    for field in ("train_x", "train_y", "test_x", "test_y"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    assert not np.array_equal(first.train_x, other.train_x)
    assert not np.array_equal(first.test_x, other.test_x)


@pytest.mark.parametrize("seed", range(3))
def test_no_drawn_image_is_in_both_parts(seed: int) -> None:
    split = drawn("mnist", seed, 8_000, 2_000)
    train, test = ({image.tobytes() for image in x} for x in (split.train_x, split.test_x))
    assert len(train) == 8_000
    assert not train & test


def test_domains_are_drawn_from_where_they_are_asked() -> None:
    record = DATA["emoji"]
    google, twitter = (
        draw(record, train_size=40, test_size=20, seed=0, train_domain="google", test_domain=d)
        for d in ("google", "twitter")
    )
    np.testing.assert_array_equal(google.train_x, twitter.train_x)
    assert not np.array_equal(google.test_x, twitter.test_x)


@pytest.mark.parametrize("size", [7, 20, 99, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_shares_are_kept_to_the_last_whole_image(size: int, seed: int) -> None:
    y = np.repeat(np.arange(4), [50, 25, 15, 10])[np.random.default_rng(9).permutation(100)]
    rows = stratified(y, size, np.random.default_rng(seed))
    assert len(rows) == len(set(rows)) == size
    exact = size * np.array([0.5, 0.25, 0.15, 0.1])
    assert np.all(np.abs(np.bincount(y[rows], minlength=4) - exact) < 1)


def test_the_largest_remainders_are_rounded_up() -> None:
    y = np.repeat(np.arange(3), [5, 3, 2])
    # Shares of 4 images: 2, 1.2 and 0.8.
    rows = stratified(y, 4, np.random.default_rng(0))
    assert np.bincount(y[rows], minlength=3).tolist() == [2, 1, 1]


def test_within_a_class_every_row_is_as_likely() -> None:
    y = np.repeat([0, 1], [20, 10])
    counts = np.zeros(30)
    for seed in range(2_000):
        counts[stratified(y, 6, np.random.default_rng(seed))] += 1
    assert np.all(np.abs(counts / 2_000 - 0.2) < 0.045)  # five standard deviations


def test_rows_are_in_no_order_of_class() -> None:
    y = np.repeat([0, 1], 500)
    rows = stratified(y, 1_000, np.random.default_rng(0))
    assert 200 < int((y[rows][:500] == 0).sum()) < 300
