"""Heads solved as one batch are the heads that are solved one by one."""

import pytest
import torch
from torch import Tensor

from core.heads import batched as heads
from core.heads import logistic as head
from core.heads.logistic import NotConverged

C, D, N, RIDGE = 4, 6, 60, 1e-2


@pytest.fixture(scope="module")
def points() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(N) % C
    return torch.randn(N, D, generator=draw) + 1.5 * torch.eye(C, D)[y], y


def relabelled(y: Tensor, count: int) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    flip = torch.rand(count, len(y), generator=draw) < 0.3
    return torch.where(flip, torch.randint(0, C, (count, len(y)), generator=draw), y)


def close(one: Tensor, other: Tensor) -> None:
    """Up to a shift of all classes, which changes no probability and which only the ridge decides."""
    torch.testing.assert_close(one - one.mean(0), other - other.mean(0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 7])
def test_other_labels_on_the_same_points(points: tuple[Tensor, Tensor], count: int) -> None:
    z, y = points
    labels = relabelled(y, count)
    thetas = heads.fit_many(z, labels, C, RIDGE, tol=1e-9)
    for theta, one in zip(thetas, labels, strict=True):
        close(theta, head.solve(head.HeadProblem(head.with_ones(z), one, C, RIDGE), tol=1e-9))


def test_other_points_and_fewer_of_some(points: tuple[Tensor, Tensor]) -> None:
    z, y = points
    count = torch.tensor([20, 13, 5])
    rows = torch.arange(60).reshape(3, 20)
    thetas = heads.fit_many(z[rows], y[rows], C, RIDGE, count=count, tol=1e-9)
    for theta, mine, n in zip(thetas, rows, count, strict=True):
        mine = mine[: int(n)]
        close(theta, head.solve(head.HeadProblem(head.with_ones(z[mine]), y[mine], C, RIDGE), tol=1e-9))


def test_a_set_without_points_has_the_head_that_says_nothing(points: tuple[Tensor, Tensor]) -> None:
    z, y = points
    rows = torch.arange(40).reshape(2, 20)
    thetas = heads.fit_many(z[rows], y[rows], C, RIDGE, count=torch.tensor([0, 20]))
    assert not thetas[0].any()
    assert thetas[1].any()


def test_chunks_change_nothing(points: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = points
    labels = relabelled(y, 5)
    whole = heads.fit_many(z, labels, C, RIDGE, tol=1e-9)
    monkeypatch.setattr(heads, "CHUNK_NUMBERS", 2 * N * C)
    parts = heads.fit_many(z, labels, C, RIDGE, tol=1e-9)
    for one, other in zip(whole, parts, strict=True):
        close(one, other)


def test_a_start_is_taken(points: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = points
    start = head.fit(z, y, C, RIDGE)
    monkeypatch.setattr(heads, "MAX_NEWTON_STEPS", 1)
    thetas = heads.fit_many(z, y[None], C, RIDGE, start=start)
    assert torch.equal(thetas[0], start)


def test_what_does_not_converge_is_said(points: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = points
    monkeypatch.setattr(heads, "MAX_NEWTON_STEPS", 2)
    with pytest.raises(NotConverged, match=r"3 heads did not converge.*Use a larger ridge"):
        heads.fit_many(z, relabelled(y, 3), C, RIDGE, tol=1e-12)


def test_far_from_the_optimum_steps_are_halved(points: tuple[Tensor, Tensor]) -> None:
    z, y = points
    start = 5.0 * torch.randn(C, D + 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    thetas = heads.fit_many(z, relabelled(y, 3), C, RIDGE, start=start, tol=1e-9)
    expected = heads.fit_many(z, relabelled(y, 3), C, RIDGE, tol=1e-9)
    for one, other in zip(thetas, expected, strict=True):
        close(one, other)
