"""The converged head beside scikit-learn's, to the same gradient norm of the same objective, cold and warm."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from core.heads import logistic as head

SIZES, QUICK = (2_000, 6_000), (500,)
BUDGET = 0.03
SOLVERS = ("lbfgs", "newton-cg")
TOLERANCES = tuple(10**-power for power in (6, 6.5, 7, 7.5, 8, 9))


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """Each size from nothing, and again with poison added, from the clean head."""
    rows = []
    data = material(FEW if quick else ALL, place)
    for n in QUICK if quick else SIZES:
        scene, plan = case(data, Size(n, round(BUDGET * n)))
        rows += compare(f"{n:,} points, cold", scene.problem, None)
        z = torch.cat([scene.z, scene.z[plan.base]])
        poisoned = head.HeadProblem(head.with_ones(z), torch.cat([scene.y, plan.y]), scene.n_classes, scene.ridge)
        rows += compare(f"{n:,} and {plan.n_poison} more, warm", poisoned, scene.clean_head)
    return rows


def compare(name: str, problem: head.HeadProblem, start: Tensor | None) -> list[measure.Row]:
    """Compare our solver with scikit-learn's (on the CPU), at the loosest tolerance that reaches our gradient norm.

    Args:
        name: of the case.
        problem: of the head.
        start: head (c, d + 1) to start from; None for a cold start.
    """
    place = problem.z.device
    z = problem.z[:, :-1].contiguous()
    ways: dict[str, Callable[[], Tensor]] = {
        "`core.heads.logistic`": lambda: head.fit(z, problem.y, problem.n_classes, problem.ridge, start)
    }
    if place.type == "cpu":
        for solver in SOLVERS:
            solve = partial(fit_scikit_learn, problem, solver, start)
            ways[f"scikit-learn, {solver}"] = partial(solve, loosest_tolerance(problem, solve))
    taken, heads = measure.in_turn(ways, place)
    objectives = {way: problem.objective(theta) for way, theta in heads.items()}
    return [
        measure.Row(
            name,
            way,
            taken[way],
            {
                "Gradient norm": f"{float(problem.gradient(theta)[0].norm()):.1e}",
                "Objective above the least": f"{objectives[way] - min(objectives.values()):.1e}",
            },
        )
        for way, theta in heads.items()
    ]


def fit_scikit_learn(problem: head.HeadProblem, solver: str, start: Tensor | None, tol: float) -> Tensor:
    """scikit-learn's head (c, d + 1) of the same problem, on the CPU.

    Args:
        problem: of the head.
        solver: name of scikit-learn's solver.
        start: head (c, d + 1) to start from; None for a cold start.
        tol: tolerance of the solver.
    """
    model = LogisticRegression(
        C=1 / (len(problem.y) * problem.ridge), solver=solver, tol=tol, max_iter=10_000, warm_start=start is not None
    )
    if start is not None:
        model.coef_, model.intercept_ = start[:, :-1].numpy().copy(), start[:, -1].numpy().copy()
    model.fit(problem.z[:, :-1].numpy(), problem.y.numpy())
    return torch.from_numpy(np.c_[model.coef_, model.intercept_])


def loosest_tolerance(problem: head.HeadProblem, solve: Callable[[float], Tensor]) -> float:
    """The largest tolerance at which a solver of heads (c, d + 1) reaches our gradient norm; else the smallest."""
    for tol in TOLERANCES:
        if float(problem.gradient(solve(tol))[0].norm()) <= head.GRADIENT_TOLERANCE:
            break
    return tol


text = measure.comparison
