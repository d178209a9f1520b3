"""The map: fitted once, restored from disk, and honest about its own noise."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from core.experiments import projection
from core.experiments.principal import Principal
from core.system import cache, paths
from core.system.errors import SettingError
from tests import odd


def clusters(n: int = 150, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(3, 10))
    return (centres[np.arange(n) % 3] + rng.normal(size=(n, 10))).astype(np.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(home))
    monkeypatch.setattr(paths, "MAPS", home / "shipped")


@pytest.fixture(scope="module")
def fitted(home: Path) -> projection.Map:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(home))
        return projection.fit(clusters())


def new_points() -> np.ndarray:
    return clusters(30, seed=0) + np.float32(0.3)


def test_positions_have_shape_and_type(fitted: projection.Map) -> None:
    assert fitted.xy.shape == (150, 2)
    assert fitted.xy.dtype == np.float32
    assert np.isfinite(fitted.xy).all()
    assert fitted.noise_floor > 0


def test_clusters_stay_together(fitted: projection.Map) -> None:
    near = np.linalg.norm(fitted.xy[:, None] - fitted.xy[None], axis=2) + np.eye(150) * 1e9
    assert np.mean(near.argmin(1) % 3 == np.arange(150) % 3) > 0.9


def test_the_same_features_give_the_same_map(
    fitted: projection.Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))  # nothing cached here
    again = projection.fit(clusters())
    np.testing.assert_array_equal(again.xy, fitted.xy)
    np.testing.assert_array_equal(again.place(new_points()), fitted.place(new_points()))
    assert again.noise_floor == fitted.noise_floor


def test_a_restored_map_is_the_fitted_one(fitted: projection.Map, monkeypatch: pytest.MonkeyPatch) -> None:
    assert projection.cache_path(clusters()).is_file()
    monkeypatch.setattr(cache, "write", lambda *_: pytest.fail("it was fitted again"))
    restored = projection.fit(clusters())
    np.testing.assert_array_equal(restored.xy, fitted.xy)
    np.testing.assert_array_equal(restored.place(new_points()), fitted.place(new_points()))
    assert restored.noise_floor == fitted.noise_floor


def test_a_shipped_map_is_used(
    fitted: projection.Map, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = projection.cache_path(clusters())
    shipped = tmp_path / "maps"
    shipped.mkdir()
    (shipped / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(paths, "MAPS", shipped)
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "write", lambda *_: pytest.fail("it was fitted again"))
    np.testing.assert_array_equal(projection.fit(clusters()).xy, fitted.xy)


def test_features_are_hashed_once_for_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    hashed: list[str] = []
    cache_path = projection.cache_path

    def counting(z: np.ndarray, seed: int = 0, engine: str = "torch") -> Path:
        hashed.append(engine)
        return cache_path(z, seed, engine)

    monkeypatch.setattr(projection, "cache_path", counting)
    first = projection.fit(clusters())
    assert hashed == ["torch"], "for the name under which it is written"
    again = projection.fit(clusters())
    assert hashed == ["torch"] * 2
    np.testing.assert_array_equal(again.xy, first.xy)
    projection.fit(clusters(seed=1))
    assert hashed == ["torch"] * 3 + ["umap-learn"], "a file of that size could be an earlier version's map"


def test_what_is_on_the_device_is_taken_from_there(fitted: projection.Map, home: Path) -> None:
    projection.cache_path(clusters()).unlink()
    again = projection.fit(clusters(), there=torch.from_numpy(clusters()), principal=Principal.fit(clusters()))
    np.testing.assert_array_equal(again.xy, fitted.xy)
    assert projection.cache_path(clusters()).is_file()


@pytest.mark.parametrize("content", [b"", b"garbage" * 20])
def test_a_damaged_cached_map_is_fitted_again(fitted: projection.Map, content: bytes) -> None:
    path = projection.cache_path(clusters())
    good = path.read_bytes()
    path.write_bytes(content)
    np.testing.assert_array_equal(projection.fit(clusters()).xy, fitted.xy)
    assert path.read_bytes() == good


def test_the_cache_knows_features_and_seed() -> None:
    names = {
        projection.cache_path(clusters()).name,
        projection.cache_path(clusters(seed=1)).name,
        projection.cache_path(clusters()[:, ::-1]).name,
        projection.cache_path(clusters(), seed=1).name,
        projection.cache_path(clusters(), engine="umap-learn").name,
    }
    assert len(names) == 5


def test_placing_never_moves_clean_points(fitted: projection.Map) -> None:
    before = fitted.xy.copy()
    first = fitted.place(new_points())
    fitted.place(clusters(20, seed=9))
    np.testing.assert_array_equal(fitted.xy, before)
    np.testing.assert_array_equal(fitted.place(new_points()), first)


def test_the_noise_floor_holds_for_most_points_placed_again(fitted: projection.Map) -> None:
    moved = np.linalg.norm(fitted.place(clusters()) - fitted.xy, axis=1)
    assert 0.88 <= np.mean(moved <= fitted.noise_floor) < 1


def test_a_new_point_lands_among_its_neighbours(fitted: projection.Map) -> None:
    placed = fitted.place(new_points())
    assert placed.shape == (30, 2)
    assert placed.dtype == np.float32
    nearest = np.linalg.norm(placed[:, None] - fitted.xy[None], axis=2).argmin(1)
    assert np.mean(nearest % 3 == np.arange(30) % 3) > 0.9


def test_no_points_are_placed_nowhere(fitted: projection.Map) -> None:
    assert fitted.place(np.zeros((0, 10), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("place", ["cache", "shipped"])
def test_a_map_that_umap_learn_fitted_before_keeps_its_picture(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "MAPS", tmp_path / "shipped")
    earlier = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    path = projection.cache_path(clusters(), engine="umap-learn")
    cache.write(path if place == "cache" else paths.MAPS / path.name, earlier)
    np.testing.assert_array_equal(projection.fit(clusters()).xy, earlier)


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_MAP", "tsne")
    with pytest.raises(SettingError, match="POISON_LAB_MAP is 'tsne'; allowed: torch or umap-learn"):
        projection.fit(clusters())


@pytest.mark.parametrize("n", [2, 3, 10, 16])
def test_few_points_have_a_map(n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    few = projection.fit(clusters(n))
    assert few.xy.shape == (n, 2)
    assert np.isfinite(few.xy).all()
    assert np.isfinite(few.place(new_points())).all()


def test_equal_points_have_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    twice = np.concatenate([clusters(60), clusters(60), np.zeros((30, 10), np.float32)])
    fitted = projection.fit(twice)
    assert np.isfinite(fitted.xy).all()
    assert np.isfinite(fitted.place(twice)).all()


def test_no_map_needs_umap_learn(tmp_path: Path) -> None:
    """Importing it takes seconds, and compiling its kernels half a minute."""
    code = """
import sys
import numpy as np
from core.experiments import projection
projection.fit(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)).place(np.zeros((2, 8), np.float32))
sys.exit(", ".join({name.partition(".")[0] for name in sys.modules} & {"umap", "numba", "pynndescent"}) or None)
"""
    environment = {**os.environ, "POISON_LAB_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", odd.KINDS)
@pytest.mark.parametrize("engine", ["torch", pytest.param("umap-learn", marks=pytest.mark.slow)])
def test_features_with_little_spread_have_a_map(engine: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features on a line have no second component to begin with: umap-learn would divide by its range."""
    monkeypatch.setenv("POISON_LAB_MAP", engine)
    z, _ = odd.odd(kind)
    first, again = projection.fit(z), projection.fit(z)
    assert np.isfinite(first.xy).all()
    assert np.isfinite(first.place(z[:3] + np.float32(0.1))).all()
    assert np.isfinite(first.noise_floor)
    np.testing.assert_array_equal(again.xy, first.xy)


def test_only_a_component_without_spread_is_drawn_at_random() -> None:
    line = np.zeros((50, 5), np.float32)
    line[:, 2] = np.linspace(-1, 1, 50)
    layout = projection._principal(torch.from_numpy(line), 0)
    assert np.abs(layout[:, 0]) == pytest.approx(10 * np.abs(line[:, 2]), abs=1e-4)
    assert np.ptp(layout[:, 1]) > 1
    flat = clusters()
    expected = PCA(2, random_state=0).fit_transform(flat)
    np.testing.assert_allclose(
        projection._principal(torch.from_numpy(flat), 0), 10 * expected / np.abs(expected).max(), rtol=1e-5
    )
