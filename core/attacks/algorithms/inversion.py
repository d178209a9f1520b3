"""Stage 3: images whose features match the poisoned ones, by optimising the pixels.

    min over feasible x of  ||f(x) - zeta||^2 / ||zeta||^2 + beta ||x - x_base||^2,

all images of a chunk at once, with Adam. The initial images are the nearest real ones in feature space (ours) among
those that the label rule allows.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.plan import allowed_bases
from core.heads.conjugate import ASKED_EVERY
from core.spec.events import Event, Observer, made_from, part_of

ADAM_STEP = 0.03


def nearest_bases(scene: Scene, plan: Plan, zeta: Tensor, k: int = 1) -> Tensor:
    """(m, k) rows of the training images nearest to each poisoned feature, among those the label rule allows.

    If it allows fewer than k, the nearest is repeated.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        zeta: (m, d) poisoned features.
        k: number of images for each.
    """
    distance = torch.cdist(zeta.float(), scene.z).masked_fill(~allowed_bases(scene, plan), torch.inf)
    nearest = distance.topk(min(k, distance.shape[1]), largest=False)
    return torch.where(nearest.values.isfinite(), nearest.indices, nearest.indices[:, :1])


def gaps(features: Tensor, zeta: Tensor) -> Tensor:
    """(m,) relative distances ||f(x) - zeta|| / ||zeta|| of features (m, d) to zeta (m, d)."""
    gap: Tensor = (features - zeta).norm(dim=1) / zeta.norm(dim=1).clamp_min(1e-12)
    return gap


def match_with_restarts(
    scene: Scene,
    plan: Plan,
    zeta: Tensor,
    steps: int,
    beta: float,
    restarts: int,
    observe: Observer,
    witness: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Match from each of the `restarts` nearest real images, and keep the closest match for each sample.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        zeta: (m, d) poisoned features.
        steps, beta: see `match`.
        restarts: number of initial images for each sample.
        observe: receives the progress.
        witness: one more start, made from the plan's base points: images (m, C, H, W) and their features (m, d).

    Returns:
        Base points (m,), from which the matches started, and images (m, C, H, W).
    """
    starts = nearest_bases(scene, plan, zeta, restarts)
    least = torch.full((len(zeta),), torch.inf, device=zeta.device)
    base, x = starts[:, 0], scene.images[starts[:, 0]]
    bases = [*starts.T, *([] if witness is None else [plan.base])]
    for i, start in enumerate(bases):
        canvas = Canvas(scene.pipeline, scene.images[start], plan.feasible, plan.y)
        part = part_of(made_from(observe, start, plan.y) if i == 0 else _without_snapshots(observe), i, len(bases))
        first, first_z = (canvas.base, scene.z[start]) if witness is None or i < len(starts.T) else witness
        images, gap = match(canvas, first, first_z, zeta, steps, beta, part)
        better = gap < least
        least, base = torch.where(better, gap, least), torch.where(better, start, base)
        x = torch.where(better[:, None, None, None], images, x)
    return base, x


def _without_snapshots(observe: Observer) -> Observer:
    """An observer without snapshots: only the first of several starts is shown, as the others start over."""
    return lambda event: observe(replace(event, snapshot=None))


def match(
    canvas: Canvas, start: Tensor, start_z: Tensor, zeta: Tensor, steps: int, beta: float, observe: Observer
) -> tuple[Tensor, Tensor]:
    """Images that match poisoned features: for each, the iterate with the smallest gap.

    Args:
        canvas: the constraint and the extractor for these images.
        start, start_z: initial images (m, C, H, W) and their features (m, d).
        zeta: (m, d) poisoned features.
        steps: of projected Adam.
        beta: weight of the distance to the base image.
        observe: receives the progress, of a GPU at every few steps.

    Returns:
        The images (m, C, H, W) and the gaps (m,) of their exported forms.
    """
    x, z, least = start.clone(), start_z.float().clone(), torch.full((len(zeta),), torch.inf, device=zeta.device)
    parts, every = canvas.chunks(), ASKED_EVERY[zeta.device.type]
    total = max(1, steps * len(parts))
    for i, (rows, part) in enumerate(parts):
        goal = zeta[rows].float()
        weight = 2.0 / goal.square().sum(1, keepdim=True).clamp_min(1e-24)
        ascent = Ascent(start[rows], ADAM_STEP, steps, part.project)
        for step in range(steps + 1):
            features, pull = part.forward(ascent.x)
            gap = gaps(features, goal)
            better = gap < least[rows]
            least[rows] = torch.where(better, gap, least[rows])
            x[rows] = torch.where(better[:, None, None, None], ascent.x, x[rows])
            z[rows] = torch.where(better[:, None], features, z[rows])
            if step % every == 0 or step == steps:
                values = {"gap": float(least[: rows.stop].mean())}
                observe(Event("invert", i * steps + step, total, values, partial(canvas.show, x, z)))
            if step < steps:
                ascent.step(pull(weight * (goal - features)) - 2.0 * beta * (ascent.x - part.base))
    return x, least
