"""Conjugate gradients: their answer, where they stop, and what a preconditioner saves."""

import pytest
import torch
from torch import Tensor

from core.heads import conjugate
from core.heads.conjugate import by_class, conjugate_gradients
from core.heads.logistic import HeadProblem, with_ones


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_conjugate_gradients_solve_a_linear_system() -> None:
    root = normal(12, 12)
    matrix = root @ root.T + torch.eye(12, dtype=torch.float64)
    b = normal(12, seed=1)
    expected = torch.linalg.solve(matrix, b)
    solution = conjugate_gradients(lambda v: matrix @ v, b, tol=1e-12)
    torch.testing.assert_close(solution, expected, rtol=1e-9, atol=1e-9)
    warm = conjugate_gradients(lambda v: matrix @ v, b, tol=1e-12, start=normal(12, seed=2))
    torch.testing.assert_close(warm, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tol", [1e-1, 1e-4])
def test_conjugate_gradients_stop_at_their_tolerance(tol: float) -> None:
    root = normal(40, 40)
    matrix = root @ root.T + torch.eye(40, dtype=torch.float64)
    b, products = normal(40, seed=1), 0

    def apply(v: Tensor) -> Tensor:
        nonlocal products
        products += 1
        return matrix @ v

    solution = conjugate_gradients(apply, b, tol=tol)
    assert float((b - matrix @ solution).norm()) <= 1.001 * tol * float(b.norm())
    used = products
    conjugate_gradients(apply, b, tol=1e-10)
    assert used < products - used
    exact = torch.linalg.solve(matrix, b)
    products = 0
    conjugate_gradients(apply, b, tol=tol, start=exact)
    assert products == 1, "a start that is the answer costs its check alone"


def test_conjugate_gradients_survive_a_flat_direction() -> None:
    matrix = torch.diag(torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64))
    solution = conjugate_gradients(lambda v: matrix @ v, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), tol=1e-10)
    torch.testing.assert_close(solution, torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64))
    solution = conjugate_gradients(lambda v: matrix @ v, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), tol=1e-10)
    assert bool(solution.isfinite().all())


@pytest.mark.parametrize("max_iter", [5, 500])
@pytest.mark.parametrize("n", [12, 40])
def test_iterations_that_are_too_many_change_nothing(n: int, max_iter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    root = normal(n, n)
    matrix, b = root @ root.T + torch.eye(n, dtype=torch.float64), normal(n, seed=1)
    asked = [conjugate_gradients(lambda v: matrix @ v, b, tol=tol, max_iter=max_iter) for tol in (1e-2, 1e-6)]
    monkeypatch.setitem(conjugate.ASKED_EVERY, "cpu", 8)
    for tol, expected in zip((1e-2, 1e-6), asked, strict=True):
        assert torch.equal(conjugate_gradients(lambda v: matrix @ v, b, tol=tol, max_iter=max_iter), expected)


@pytest.mark.parametrize("b", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
def test_nothing_is_left_to_divide_by_where_it_goes_on_unasked(b: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conjugate.ASKED_EVERY, "cpu", 8)
    matrix = torch.diag(torch.tensor([2.0, 1.0, 0.0]))
    assert conjugate_gradients(lambda v: matrix @ v, torch.tensor(b), tol=1e-6).tolist() == [b[0] / 2, 0.0, 0.0]


def test_blocks_are_those_of_the_hessian_and_save_iterations() -> None:
    scale = torch.logspace(-1, 0.5, 40, dtype=torch.float64)
    problem = HeadProblem(with_ones(normal(400, 40) * scale), torch.arange(400) % 5, 5, 1e-3)
    place = problem.at(normal(5, 41, seed=1) * 0.1)
    inverse = by_class(problem.z, place.p, problem.ridge_row)
    assert inverse is not None
    for k in range(5):
        v = torch.zeros(5, 41, dtype=torch.float64)
        v[k] = normal(41, seed=2)
        back = inverse(place.curvature(v))[k]
        torch.testing.assert_close(back, v[k], rtol=0, atol=5e-2 * float(v.abs().max()))
    b, products = place.curvature(normal(5, 41, seed=3)), [0, 0]

    def counted(i: int) -> Tensor:
        def apply(v: Tensor) -> Tensor:
            products[i] += 1
            return place.curvature(v)

        return conjugate_gradients(apply, b, tol=1e-6, precondition=inverse if i else None)

    for solution in (counted(0), counted(1)):
        assert float((place.curvature(solution) - b).norm()) <= 1.01e-6 * float(b.norm())
    assert products[1] < 0.8 * products[0]


def test_a_singular_block_gives_no_preconditioner() -> None:
    z = with_ones(torch.zeros(5, 2))
    p = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(5, 2)
    assert by_class(z, p, torch.tensor([0.1, 0.1, 0.0], dtype=torch.float64)) is not None  # the jitter suffices
    assert by_class(z, p, torch.zeros(3, dtype=torch.float64)) is None
