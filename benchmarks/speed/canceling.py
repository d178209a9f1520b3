"""Our Gradient Canceling compared with the published algorithm: steps, and time to the same residual.

The published algorithm differentiates through the loss of clean and poisoned points in every step, although the clean
term is constant, and makes steps of a fixed size. It gets the best of several step sizes.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.gradient_canceling import ADAM_STEP, Canceling, gradpc_target
from core.attacks.gc_feature import GCFeature
from core.heads import logistic as head

SIZES, QUICK = ((2_000, 60), (20_000, 600)), ((500, 15),)
SETTINGS = GCFeature()
FEW_STEPS, STEPS = 20, 200
"""Timed as they are; and those of the published way in which it reaches the residual that both are timed to."""
RATES = tuple(10.0**power for power in range(8))
SLACK = 1 + 1e-6
"""Of that residual: the last digits of the two ways differ."""

Residual = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From poisoned features (m, d) to the residual (c, d + 1), and the direction (m, d) in which half its square falls."""


class FixedStep:
    """Projected steps of a fixed size, with the interface of `Ascent`.

    Args:
        start: (m, d) initial point.
        rate: step size.
        project: maps (m, d) to the nearest allowed point (m, d).
    """

    def __init__(self, start: Tensor, rate: float, project: Callable[[Tensor], Tensor]) -> None:
        self.x = project(start.clone())
        self._rate, self._project = rate, project

    def step(self, direction: Tensor) -> None:
        """Make a step along `direction` (m, d)."""
        self.x = self._project(self.x + self._rate * direction)


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """Each size: some steps, then those to the same residual."""
    data = material(FEW if quick else ALL, place)
    return [
        row
        for n, m in (QUICK if quick else SIZES)
        for row in compare(f"{n:,} points, {m} poisoned samples", *case(data, Size(n, m)))
    ]


def compare(name: str, scene: Scene, plan: Plan) -> list[measure.Row]:
    """Compare the same number of steps of both, and the steps that each needs for the same residual.

    Args:
        name: of the case.
        scene: what the attacker knows.
        plan: of the poison.
    """
    theta, start, project = gradpc_target(scene, SETTINGS.radius), scene.z[plan.base].double(), plan.features_
    ours: Residual = Canceling.prepare(scene.problem, theta, plan.y).residual
    theirs: Residual = partial(published, scene.problem, theta, plan.y)
    # Which step size is best is asked of our residual: it is the same, and sooner there.
    reached = {rate: descend(ours, FixedStep(start, rate, project), STEPS)[1] for rate in RATES}
    rate = min(reached, key=reached.__getitem__)

    def here(steps: int, floor: float) -> tuple[int, float]:
        return descend(ours, Ascent(start, ADAM_STEP, SETTINGS.steps, project), steps, floor)

    def there(steps: int, floor: float) -> tuple[int, float]:
        return descend(theirs, FixedStep(start, rate, project), steps, floor)

    rows = []
    for steps, floor, goal in (
        (FEW_STEPS, 0.0, f"{FEW_STEPS} steps"),
        (SETTINGS.steps, SLACK * reached[rate], f"to residual {reached[rate]:.3g}"),
    ):
        ways = {"as it is here": partial(here, steps, floor), "as published": partial(there, steps, floor)}
        taken, results = measure.in_turn(ways, scene.z.device)
        for way, (done, least) in results.items():
            step = measure.format_median([seconds / done for seconds in taken[way]])
            notes = {"Steps": str(done), "A step": step, "Residual": f"{least:.3g}"}
            rows.append(measure.Row(f"{name}, {goal}", way, taken[way], notes))
    return rows


def published(problem: head.HeadProblem, theta: Tensor, y: Tensor, zeta: Tensor) -> tuple[Tensor, Tensor]:
    """The `Residual`, by autograd through both losses.

    Args:
        problem: of the clean head.
        theta: (c, d + 1) target parameters.
        y: (m,) labels of the poison.
        zeta: (m, d) features of the poison.
    """
    weight = len(y) / len(problem.y)
    w, x = theta.clone().requires_grad_(), zeta.detach().clone().requires_grad_()
    (clean,) = torch.autograd.grad(F.cross_entropy(problem.z @ w.T, problem.y), w)
    (poison,) = torch.autograd.grad(F.cross_entropy(head.with_ones(x) @ w.T, y), w, create_graph=True)
    residual = clean + weight * poison + (1 + weight) * problem.ridge_row * theta
    (gradient,) = torch.autograd.grad(0.5 * residual.square().sum(), x)
    return residual.detach(), -gradient


def descend(residual: Residual, descent: Ascent | FixedStep, steps: int, floor: float = 0.0) -> tuple[int, float]:
    """Step until the residual norm is at most `floor`.

    Args:
        residual: to minimise.
        descent: makes the steps.
        steps: maximum number of steps.
        floor: residual norm at which to stop.

    Returns:
        The number of steps, and the smallest residual norm.
    """
    done, least = 0, float("inf")
    while done < steps:
        left, direction = residual(descent.x)
        least = min(least, float(left.norm()))
        if least <= floor:
            break
        descent.step(direction)
        done += 1
    return done, least


text = measure.comparison
