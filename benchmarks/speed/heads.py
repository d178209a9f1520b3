"""Many heads solved at once, compared with a loop over the solver for one head."""

import torch
from torch import Tensor

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, DEFAULT, FEW, Size, material
from core.heads import logistic as head
from core.heads.batched import fit_many

SHARED, QUICK_SHARED = (100, 1_000), (10, 200)
DISJOINT, QUICK_DISJOINT = (50, 200), (5, 100)
"""Heads, and the points of each."""
FLIPPED = 0.1
"""Chance of each label to become a wrong one."""


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """Heads of the same points with labels flipped at random, and heads of disjoint parts of the points."""
    data, c = material(FEW if quick else ALL, place), Size().c
    count, n = QUICK_SHARED if quick else SHARED
    labels = flip_labels(data.y[:n].expand(count, n), c)
    shared = compare(f"{count} heads of the same {n:,} points, labels flipped", data.z[:n], labels, c)
    count, n = QUICK_DISJOINT if quick else DISJOINT
    z, y = data.z[: count * n].reshape(count, n, -1), data.y[: count * n].reshape(count, n)
    return [*shared, *compare(f"{count} heads of {n} points each, disjoint", z, y, c)]


def flip_labels(y: Tensor, n_classes: int) -> Tensor:
    """Labels (B, N), each flipped to a wrong one with probability `FLIPPED`."""
    generator = torch.Generator().manual_seed(0)
    shift = torch.randint(1, n_classes, y.shape, generator=generator)
    shift[torch.rand(y.shape, generator=generator) >= FLIPPED] = 0
    return (y + shift.to(y)) % n_classes


def compare(name: str, z: Tensor, y: Tensor, n_classes: int) -> list[measure.Row]:
    """Compare solving B heads at once with one after another.

    Args:
        name: of the case.
        z: features, (N, d) for all heads or (B, N, d).
        y: labels (B, N).
        n_classes: number of classes.
    """
    each = z.expand(len(y), *z.shape[-2:])
    ridge = DEFAULT.ridge

    def solve_one_by_one() -> Tensor:
        return torch.stack([head.fit(*problem, n_classes, ridge) for problem in zip(each, y, strict=True)])

    ways = {"all at once": lambda: fit_many(z, y, n_classes, ridge), "one after another": solve_one_by_one}
    taken, heads = measure.in_turn(ways, z.device)
    problems = [head.HeadProblem(head.with_ones(z), y, n_classes, ridge) for z, y in zip(each, y, strict=True)]
    objectives = {
        way: torch.tensor([problem.objective(theta) for problem, theta in zip(problems, thetas, strict=True)])
        for way, thetas in heads.items()
    }
    least = torch.minimum(*objectives.values())
    return [
        measure.Row(
            name,
            way,
            taken[way],
            {
                "Largest gradient norm": f"{_largest_gradient(problems, thetas):.1e}",
                "Objective above the least, at most": f"{float((objectives[way] - least).max()):.1e}",
            },
        )
        for way, thetas in heads.items()
    ]


def _largest_gradient(problems: list[head.HeadProblem], thetas: Tensor) -> float:
    pairs = zip(problems, thetas, strict=True)
    return max(float(problem.gradient(theta)[0].norm()) for problem, theta in pairs)


text = measure.comparison
