"""Maps beside umap-learn's: the same graph, and the same quality on features of a shipped extractor."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
import umap
from sklearn.metrics import pairwise_distances, silhouette_score

from core.data.registry import DATA
from core.data.split import draw
from core.experiments import projection, umap_learn
from core.experiments.umap_graph import fuzzy_union, memberships
from core.extractors.build import build
from core.extractors.features import Scale, extract
from core.extractors.registry import EXTRACTORS
from core.heads.neighbours import neighbours

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features() -> tuple[np.ndarray, np.ndarray]:
    """Features (10000, d) and labels of the default data and extractor."""
    record = EXTRACTORS["resnet10-small-fashion-mnist"]
    split = draw(DATA["fashion-mnist"], train_size=10_000, test_size=100, seed=0)
    raw = extract(build(record, record.input_sizes[0], torch.device("cpu")), split.train_x, torch.device("cpu"))
    return Scale.fit(torch.from_numpy(raw))(torch.from_numpy(raw)).numpy(), split.train_y


def kept(z: np.ndarray, xy: np.ndarray, k: int) -> float:
    """Share of the 15 nearest neighbours that are among the k nearest on the map."""
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(z))[:1000])
    true, _ = neighbours(torch.from_numpy(z), 15, rows)
    shown, _ = neighbours(torch.from_numpy(xy), k, rows)
    return float((true[:, :, None] == shown[:, None, :]).any(2).double().mean())


def test_the_graph_is_umap_learns(features: tuple[np.ndarray, np.ndarray]) -> None:
    z = features[0][:500]
    near, distance = neighbours(torch.from_numpy(z), 14)
    graph = fuzzy_union(near, memberships(distance))
    ours = scipy.sparse.csr_matrix((graph.weight.numpy(), graph.target.numpy(), graph.start.numpy()), (500, 500))
    # Not that of a fitted model, which leaves out edges that are too weak for its epochs.
    theirs = umap.umap_.fuzzy_simplicial_set(
        pairwise_distances(z), 15, np.random.RandomState(0), "precomputed", return_dists=False
    )[0]
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), atol=1e-4)


@pytest.mark.parametrize("n", [500, 2_000, 10_000])
def test_a_map_is_as_good_as_umap_learns(
    n: int, features: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, y = features[0][:n], features[1][:n]
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    ours = projection.fit(z)
    monkeypatch.setenv("POISON_LAB_MAP", "umap-learn")
    theirs_xy, place = umap_learn.fit(z, projection._principal(torch.from_numpy(z), 0), 15, 0, is_laid_out=False)
    for k in (15, 150, 1_500):
        if k < n:
            assert kept(z, ours.xy, k) >= 0.97 * kept(z, theirs_xy, k), k
    assert silhouette_score(ours.xy, y) >= 0.97 * silhouette_score(theirs_xy, y) - 0.01
    some = np.random.default_rng(0).permutation(n)[:100]
    moved = np.linalg.norm(place(z[some]) - theirs_xy[some], axis=1)
    scale = theirs_xy.std() / ours.xy.std()
    assert ours.noise_floor * scale <= 1.5 * float(np.quantile(moved, 0.95))


def test_it_can_be_asked_for(
    features: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = features[0][:300]
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setenv("POISON_LAB_MAP", "umap-learn")
    fitted = projection.fit(z)
    assert projection.cache_path(z, engine="umap-learn").is_file()
    again = projection.fit(z)
    np.testing.assert_array_equal(again.xy, fitted.xy)
    np.testing.assert_array_equal(again.place(z[:5] + 0.1), fitted.place(z[:5] + 0.1))
    stats = umap.umap_.smooth_knn_dist.stats
    assert any(Path(stats.cache_path).glob("*smooth_knn_dist*.nbi")), "the kernels are kept for the next process"
