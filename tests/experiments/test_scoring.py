"""Scores of single points, against slow obvious versions: dense Hessians, heads solved by SciPy, sorted lists."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from core.defences.chain import parse_chain
from core.defences.evaluation import defend
from core.defences.registry import RECORDS
from core.experiments.point_scores import PointScores, ranks
from core.experiments.scoring import FOLDS, influence_of_copies, point_scores
from core.heads import logistic as head
from core.system.arrays import Array

CLASSES, CLEAN, POISON, RIDGE = 3, 60, 9, 1e-2
SHARPNESS = 2.0


@pytest.fixture(scope="module")
def features() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    corners = 2 * np.eye(CLASSES, 4)
    parts: dict[str, Array] = {}
    for part, count, shift in (("train", CLEAN, 0), ("poison", POISON, 1), ("test", 30, 0)):
        y = np.arange(count) % CLASSES
        parts[f"{part}_z"] = (corners[(y + shift) % CLASSES] + rng.normal(0, 0.7, (count, 4))).astype(np.float32)
        parts[f"{part}_y"] = y
    return parts


@pytest.fixture(scope="module")
def scores(features: dict[str, Array]) -> PointScores:
    return point_scores(features, CLASSES, RIDGE)


def everything(features: dict[str, Array]) -> tuple[torch.Tensor, torch.Tensor]:
    z = np.concatenate([features["train_z"], features["poison_z"]])
    return torch.from_numpy(z), torch.from_numpy(np.concatenate([features["train_y"], features["poison_y"]]))


def weighted_loss(theta: torch.Tensor, z: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    logits = z @ theta[:, :-1].T + theta[:, -1]
    losses = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    return (weight * losses).sum() + RIDGE / 2 * theta[:, :-1].square().sum()


def outer_loss(theta: torch.Tensor, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    p = torch.softmax(SHARPNESS * (z @ theta[:, :-1].T + theta[:, -1]), dim=1)
    return 1 - p[torch.arange(len(y)), y].mean()


def test_influence_is_the_dense_solution_of_the_implicit_system(features: dict[str, Array]) -> None:
    z, y = everything(features)
    z = z.double()
    theta, damping = head.fit(z, y, CLASSES, RIDGE).requires_grad_(), 3e-3
    weight = torch.full((len(y),), 1 / len(y), dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda t: weighted_loss(t, z, y, weight), theta)
    size = theta.numel()
    matrix = hessian.reshape(size, size) + damping * torch.eye(size, dtype=torch.float64)
    (outer,) = torch.autograd.grad(outer_loss(theta, z[:CLEAN], y[:CLEAN]), theta)
    q = torch.linalg.solve(matrix, outer.flatten())
    wanted = []
    for i in range(len(y)):
        logits = z[i] @ theta[:, :-1].T + theta[:, -1]
        loss = torch.nn.functional.cross_entropy(logits[None], y[i : i + 1])
        (gradient,) = torch.autograd.grad(loss, theta)
        wanted.append(float(-(q @ gradient.flatten()) / len(y)))
    got = influence_of_copies(theta.detach(), z, y, CLEAN, RIDGE, damping)
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-9)


def test_influence_is_the_slope_of_the_outer_loss_in_the_weight_of_a_point(features: dict[str, Array]) -> None:
    z, y = everything(features)
    z = z.double()
    start = head.fit(z, y, CLASSES, RIDGE).numpy()

    def outer_with(row: int, extra: float) -> float:
        weight = torch.full((len(y),), 1 / len(y), dtype=torch.float64)
        weight[row] += extra

        def objective(flat: Array) -> tuple[float, Array]:
            theta = torch.from_numpy(flat.reshape(start.shape)).requires_grad_()
            value = weighted_loss(theta, z, y, weight)
            (gradient,) = torch.autograd.grad(value, theta)
            return value.item(), gradient.numpy().ravel()

        found = minimize(objective, start.ravel(), jac=True, method="BFGS", options={"gtol": 1e-10}).x
        return float(outer_loss(torch.from_numpy(found.reshape(start.shape)), z[:CLEAN], y[:CLEAN]))

    got = influence_of_copies(torch.from_numpy(start), z, y, CLEAN, RIDGE, damping=0.0) * len(y)
    for row in (0, 7, CLEAN, CLEAN + 4):
        slope = (outer_with(row, 1e-4) - outer_with(row, -1e-4)) / 2e-4
        assert float(got[row]) == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_poison_raises_the_outer_loss_and_clean_points_lower_it(scores: PointScores) -> None:
    assert scores.is_poison.tolist() == [False] * CLEAN + [True] * POISON
    assert scores.influence[scores.is_poison].mean() > 0 > scores.influence[~scores.is_poison].mean()


def test_losses_and_out_of_fold_labels_are_those_of_heads_trained_by_hand(
    features: dict[str, Array], scores: PointScores
) -> None:
    z, y = everything(features)
    theta = head.fit(z, y, CLASSES, RIDGE)
    wanted = torch.nn.functional.cross_entropy(head.logits(theta, z), y, reduction="none")
    np.testing.assert_allclose(scores.loss, wanted.numpy(), rtol=1e-4, atol=1e-6)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).tolist()
    for fold in range(FOLDS):
        inside = [row for place, row in enumerate(order) if place % FOLDS == fold]
        others = [row for place, row in enumerate(order) if place % FOLDS != fold]
        theta = head.fit(z[others], y[others], CLASSES, RIDGE)
        assert scores.held_out[inside].tolist() == head.logits(theta, z[inside]).argmax(1).tolist()


def test_neighbours_are_those_of_all_distances(features: dict[str, Array], scores: PointScores) -> None:
    z, y = everything(features)
    distance = torch.cdist(z.double(), z.double()).fill_diagonal_(torch.inf)
    for row in range(len(y)):
        nearest = distance[row].argsort()[: scores.near.shape[1]]
        assert scores.near[row].tolist() == nearest.tolist()
        np.testing.assert_allclose(scores.distance[row], distance[row][nearest], rtol=1e-4)
        assert scores.same_label[row] == sum(int(y[other]) == int(y[row]) for other in nearest)


@pytest.mark.parametrize("name", RECORDS)
def test_defences_remove_what_they_remove_of_the_run(
    name: str, features: dict[str, Array], scores: PointScores
) -> None:
    verdict = defend(features, parse_chain([name]), CLASSES, RIDGE)
    assert np.flatnonzero(scores.removed[name]).tolist() == sorted(verdict.whole.removed)
    rank = ranks(scores.suspicion[name])
    most = scores.suspicion[name].max()
    assert (rank == 1).tolist() == (scores.suspicion[name] == most).tolist()


def test_equal_values_share_the_better_place() -> None:
    values = np.array([0.5, 2.0, 2.0, -1.0, 0.5, 3.0])
    slow = [1 + sum(other > value for other in values) for value in values]
    assert ranks(values).tolist() == slow == [4, 2, 2, 6, 4, 1]


def test_plain_arrays_hold_everything(scores: PointScores) -> None:
    again = PointScores.from_arrays(scores.to_arrays())
    assert again.suspicion.keys() == again.removed.keys() == RECORDS.keys()
    for name, values in scores.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], values)
