"""The planes of the playground: sizes, classes, and where the points of the default data come from."""

import numpy as np
import pytest

from core.catalog.choices import resolve
from core.presentation import plane
from core.presentation.plane import COMPONENT_CLASSES, Plane
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store
from core.system import paths
from core.system.errors import DataError


@pytest.fixture(scope="module")
def clothes() -> Plane:
    spec = resolve(ExperimentSpec())
    run = Store(paths.results(), paths.GALLERY).get(spec.hash)
    assert run is not None
    return plane.components(run.plot(), spec)


@pytest.mark.parametrize("name", plane.DRAWN)
def test_drawn_planes_are_the_same_every_time(name: str) -> None:
    first, again = plane.DRAWN[name](), plane.DRAWN[name]()
    assert np.array_equal(first.train_x, again.train_x)
    assert first.title == plane.TITLES[name]
    assert np.bincount(first.train_y).tolist() == [100] * len(first.classes)
    assert np.bincount(first.test_y).tolist() == [200] * len(first.classes)
    assert np.array_equal(first.train_x, first.train_x.round(4))
    assert len(first.classes) in (2, 3)


def test_blobs_lie_around_their_centres() -> None:
    blobs = plane.blobs([(-1.0, 2.0), (3.0, 0.0)], 0.5, "Two")
    for label, centre in enumerate([(-1.0, 2.0), (3.0, 0.0)]):
        rows = blobs.train_x[blobs.train_y == label]
        assert rows.mean(0) == pytest.approx(centre, abs=0.2)
        assert rows.std(0) == pytest.approx([0.5, 0.5], abs=0.1)


def test_moons_reach_into_each_other() -> None:
    moons = plane.moons(noise=0.0)
    first, second = (moons.train_x[moons.train_y == label] / 1.6 + [0.5, 0.25] for label in (0, 1))
    assert np.hypot(*first.T) == pytest.approx(np.ones(100), abs=1e-3)
    assert np.hypot(*(second - [1.0, 0.5]).T) == pytest.approx(np.ones(100), abs=1e-3)
    assert first[:, 1].min() < second[:, 1].max()


def test_the_clothes_are_the_components_of_the_default_run(clothes: Plane) -> None:
    assert clothes.classes == COMPONENT_CLASSES == ("Trouser", "Coat", "Ankle boot")
    assert np.bincount(clothes.train_y).tolist() == [100, 100, 100]
    assert np.bincount(clothes.test_y).tolist() == [100, 100, 100]
    run = Store(paths.results(), paths.GALLERY).get(resolve(ExperimentSpec()).hash)
    plot = None if run is None else run.plot()
    assert plot is not None
    assert plot.train_pca is not None
    trousers = plot.train_pca[plot.train_y == 1]
    assert clothes.train_x[clothes.train_y == 0] == pytest.approx(trousers[:100], abs=1e-4)
    assert clothes.test_x[clothes.test_y == 0] == pytest.approx(trousers[100:], abs=1e-4)


def test_no_point_both_trains_and_tests(clothes: Plane) -> None:
    train, test = ({tuple(x) for x in part.tolist()} for part in (clothes.train_x, clothes.test_x))
    assert len(train & test) <= 1  # two images may share four digits of both numbers


def test_the_component_gets_plain_numbers(clothes: Plane) -> None:
    data = clothes.as_data()
    assert data["train"][0] == [*clothes.train_x[0].tolist(), 0]
    assert data["share"] == 0.05
    longer = np.ptp(clothes.train_x, axis=0).max()
    assert data["near"] == pytest.approx(longer / 10, abs=1e-4)


def test_a_run_without_a_map_or_without_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="needs a run with a map"):
        plane.components(None, ExperimentSpec())
    spec = resolve(ExperimentSpec(data="mnist"))
    run = Store(paths.results(), paths.GALLERY).get(resolve(ExperimentSpec()).hash)
    with pytest.raises(DataError, match="Trouser, Coat, Ankle boot"):
        plane.components(None if run is None else run.plot(), spec)
