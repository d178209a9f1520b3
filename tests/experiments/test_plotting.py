"""What the app draws: exact neighbours, an influence that retraining confirms, and a score of the map that can fall."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from core.experiments.plotting import N_NEIGHBOURS, Heads, influence, neighbours, plot_data, preserved
from core.experiments.result import Poison
from core.heads import logistic as head
from tests import tiny


def heads(ridge: float = tiny.RIDGE, n_poison: int = 6) -> tuple[Heads, torch.Tensor, torch.Tensor]:
    """Heads of the tiny world, and features and labels of the poison: wrong labels on copies of training points."""
    scene = tiny.scene()
    train, test = slice(0, 200), slice(200, 300)
    z, y = scene.z[train], scene.y[train]
    poison_z, poison_y = z[:n_poison].clone(), (y[:n_poison] + 1) % 10
    clean = head.fit(z, y, 10, ridge)
    poisoned = head.fit(torch.cat([z, poison_z]), torch.cat([y, poison_y]), 10, ridge)
    return Heads(clean, poisoned, z, y, scene.z[test], scene.y[test], ridge), poison_z, poison_y


def test_neighbours_are_those_of_scikit_learn() -> None:
    z = torch.randn(90, 7, generator=torch.Generator().manual_seed(0))
    rows, distances = neighbours(z, 4)
    wanted, result = NearestNeighbors(n_neighbors=4).fit(z.numpy()).kneighbors()
    np.testing.assert_array_equal(rows.numpy(), result)
    np.testing.assert_allclose(distances.numpy(), wanted, rtol=1e-4)
    some = torch.tensor([5, 80])
    assert torch.equal(neighbours(z, 4, some)[0], rows[some])


def test_neighbours_leave_a_point_out_among_its_copies() -> None:
    z = torch.zeros(6, 3)
    rows, distances = neighbours(z, 3)
    assert all(i not in row for i, row in enumerate(rows.tolist()))
    assert float(distances.abs().max()) == 0


def test_fewer_points_than_neighbours() -> None:
    assert neighbours(torch.randn(4, 2), 10)[0].shape == (4, 3)


def test_a_faithful_map_keeps_all_and_a_shuffled_one_next_to_nothing() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(600, 2)).astype(np.float32)
    z = np.pad(flat, ((0, 0), (0, 5)))
    assert preserved(torch.from_numpy(z), flat) == pytest.approx(1.0)
    assert preserved(torch.from_numpy(z), flat[rng.permutation(600)]) < 0.1


def test_influence_is_what_leaving_a_point_out_changes() -> None:
    ridge = 0.1  # a head so stiff that one point in 206 is a small change
    run_heads, poison_z, poison_y = heads(ridge)
    z, y = torch.cat([run_heads.z, poison_z]), torch.cat([run_heads.y, poison_y])
    influences = influence(run_heads, z, y)
    test = head.HeadProblem(head.with_ones(run_heads.test_z), run_heads.test_y, 10, 0.0)
    before = test.objective(run_heads.poisoned)
    rows = [0, 7, 33, 120, 201, 205]
    left = []
    for row in rows:
        keep = torch.arange(len(z)) != row
        # The others keep their weight of 1 / N, and the ridge its own.
        n = len(z)
        problem = head.HeadProblem(head.with_ones(z[keep]), y[keep], 10, ridge * n / (n - 1))
        left.append(before - test.objective(head.solve(problem, run_heads.poisoned)))
    np.testing.assert_allclose(influences[rows].numpy(), left, rtol=0.2)
    assert float(influences[200:].mean()) > float(influences[:200].mean())


@pytest.mark.parametrize("kind", ["images", "features", "flips"])
def test_every_array_has_its_shape(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    run_heads, poison_z, poison_y = heads()
    train_x = np.zeros((200, 1, 8, 8), np.uint8)
    x = None if kind == "features" else np.zeros((6, 1, 8, 8), np.float32)
    zeta = None if kind == "flips" else poison_z.numpy() + np.float32(0.5)
    z = zeta if kind == "features" else poison_z.numpy()
    assert z is not None
    poison = Poison(x, z, poison_y.numpy(), np.arange(6), zeta)
    plot = plot_data(train_x, run_heads, poison, None)
    assert plot.makes_images == (kind != "features")
    assert (plot.stage2_xy is not None) == (plot.stage2_pca is not None) == (kind != "flips")
    arrays = plot.to_arrays()
    for name in ("xy", "pca"):
        assert arrays[f"train_{name}"].shape == (200, 2)
        assert arrays[f"poison_{name}"].shape == (6, 2)
    assert arrays["near"].shape == arrays["near_distance"].shape == (206, N_NEIGHBOURS)
    assert arrays["logits"].shape == arrays["logits_clean"].shape == (206, 10)
    assert arrays["influence"].shape == (206,)
    assert plot.preserved is not None
    assert 0 < plot.preserved <= 1
    accuracy = float((arrays["logits_clean"][:200].argmax(1) == plot.train_y).mean())
    assert accuracy == pytest.approx(head.accuracy(run_heads.clean, run_heads.z, run_heads.y), abs=0.01)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_logits_beyond_half_precision_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    run_heads, poison_z, poison_y = heads()
    far = poison_z.numpy() * np.float32(1e6)
    poison = Poison(None, far, poison_y.numpy(), np.arange(6), far)
    plot = plot_data(np.zeros((200, 1, 8, 8), np.uint8), run_heads, poison, None)
    assert plot.logits is not None
    assert np.isfinite(plot.logits).all()
