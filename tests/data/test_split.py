"""The draw of one experiment's images: shares, seeds, and that training and test never mix."""

import numpy as np
import pytest

from core.data import split as splits
from core.data.readers import find
from core.data.registry import DATA, DataInfo
from core.data.split import Split, draw, labels_of_test, stratified
from core.system.errors import DataError

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


@pytest.mark.parametrize(
    ("counts", "size", "expected"),
    [
        ([420, 7], 40, [39, 1]),
        ([180, 3], 20, [19, 1]),
        ([1000, 1, 1, 1], 8, [5, 1, 1, 1]),
        ([500, 500, 2], 6, [2, 3, 1]),
        ([90, 10], 2, [1, 1]),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_class_has_a_row_however_rare(counts: list[int], size: int, expected: list[int], seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    rows = stratified(y, size, np.random.default_rng(seed))
    assert len(set(rows)) == size
    assert np.bincount(y[rows]).tolist() == expected


def test_a_draw_that_held_every_class_is_what_it_was() -> None:
    """The rows that a release before gave; a hash of a spec means one draw."""
    y = np.repeat([0, 1, 2], [12, 6, 2])
    assert stratified(y, 10, np.random.default_rng(0)).tolist() == [11, 5, 18, 9, 15, 7, 2, 14, 13, 4]


def uneven(monkeypatch: pytest.MonkeyPatch, train: list[int], test: list[int]) -> DataInfo:
    """Two classes with so many images of each in either part; every image has a colour of its own."""
    of_part = {"train": train, "test": test}

    def find(record: DataInfo, part: str, domain: str | None, side: int) -> tuple[splits.Images, splits.Labels]:
        y = np.repeat([0, 1], of_part[part])
        return np.arange(len(y), dtype=np.uint8).reshape(-1, 1, 1, 1), y

    monkeypatch.setattr(splits, "find", find)
    return DataInfo("pets", "Pets", ("cats", "dogs"), (1, 1, 1), sum(train), sum(test), "mine", "home")


def test_both_parts_hold_a_rare_class(monkeypatch: pytest.MonkeyPatch) -> None:
    split = draw(uneven(monkeypatch, [210, 7], [90, 3]), train_size=40, test_size=20, seed=0)
    assert np.bincount(split.train_y).tolist() == [39, 1]
    assert np.bincount(split.test_y).tolist() == [19, 1]
    assert split.train_x[split.train_y == 1].ravel()[0] >= 210, "an image of the class itself"


@pytest.mark.parametrize(("train", "test", "part"), [([9, 0], [4, 3], "training"), ([9, 5], [4, 0], "test")])
def test_a_part_without_a_class_is_refused(
    monkeypatch: pytest.MonkeyPatch, train: list[int], test: list[int], part: str
) -> None:
    with pytest.raises(DataError, match=f"^Pets has no {part} image of 'dogs': each class needs one for training and"):
        draw(uneven(monkeypatch, train, test), train_size=4, test_size=4, seed=0)


@pytest.mark.parametrize(("sizes", "words"), [((1, 4), "1 training images .* 2 to 14"), ((4, 8), "8 test .* 2 to 7")])
def test_sizes_that_can_not_be_drawn_are_refused_with_those_that_can(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        draw(uneven(monkeypatch, [9, 5], [4, 3]), train_size=sizes[0], test_size=sizes[1], seed=0)


@pytest.mark.parametrize("name", EMBEDDED)
def test_test_images_of_given_rows_leave_the_training_images_as_they_are(name: str) -> None:
    record, split = DATA[name], drawn(name)
    domain = record.domains[0] if record.domains else None
    rows = np.array([7, 0, 3])
    domains = {"train_domain": domain, "test_domain": domain}
    given = draw(record, train_size=90, test_size=45, seed=0, test_rows=rows, **domains)
    np.testing.assert_array_equal(given.train_x, split.train_x)
    np.testing.assert_array_equal(given.test_x, find(record, "test", domain)[0][rows])
    np.testing.assert_array_equal(given.test_y, labels_of_test(record, domain)[rows])
