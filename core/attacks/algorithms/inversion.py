"""Stage 3: images whose features are the poisoned ones, by feature matching on the pixels.

    min over feasible x of  ||f(x) - zeta||^2 / ||zeta||^2 + beta ||x - x_base||^2,

all images of a chunk at once, with Adam. The starts are the nearest real images in feature space (ours) among
those that the label rule allows.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.implicit import Ascent
from core.attacks.algorithms.plan import allowed_bases
from core.spec.events import Event, Observer, part_of

ADAM_STEP = 0.03


def nearest_bases(scene: Scene, plan: Plan, zeta: Tensor, k: int = 1) -> Tensor:
    """(m, k) the training images nearest to each poisoned feature, among those the label rule allows.

    Where it allows fewer, the nearest stands in for what is missing.
    """
    distance = torch.cdist(zeta.float(), scene.z).masked_fill(~allowed_bases(scene, plan), torch.inf)
    found = distance.topk(min(k, distance.shape[1]), largest=False)
    return torch.where(found.values.isfinite(), found.indices, found.indices[:, :1])


def gaps(features: Tensor, zeta: Tensor) -> Tensor:
    """(m,) relative distances ||f(x) - zeta|| / ||zeta||."""
    gap: Tensor = (features - zeta).norm(dim=1) / zeta.norm(dim=1).clamp_min(1e-12)
    return gap


def match_with_restarts(
    scene: Scene, plan: Plan, zeta: Tensor, steps: int, beta: float, restarts: int, observe: Observer
) -> tuple[Tensor, Tensor]:
    """Match from each of the `restarts` nearest real images, and keep of each poison the closest match.

    Returns:
        Base points (m,), from which the images were made, and the images (m, C, H, W).
    """
    starts = nearest_bases(scene, plan, zeta, restarts)
    least = torch.full((len(zeta),), torch.inf, device=zeta.device)
    base, x = starts[:, 0], scene.images[starts[:, 0]]
    for i, tried in enumerate(starts.T):
        canvas = Canvas(scene.pipeline, scene.images[tried], plan.feasible, plan.y)
        part = part_of(observe if i == 0 else _unseen(observe), i, starts.shape[1])
        found, gap = match(canvas, canvas.base, scene.z[tried], zeta, steps, beta, part)
        better = gap < least
        least, base = torch.where(better, gap, least), torch.where(better, tried, base)
        x = torch.where(better[:, None, None, None], found, x)
    return base, x


def _unseen(observe: Observer) -> Observer:
    """Without snapshots: of several starts only the first is shown, the others begin anew."""
    return lambda event: observe(replace(event, snapshot=None))


def match(
    canvas: Canvas, start: Tensor, start_z: Tensor, zeta: Tensor, steps: int, beta: float, observe: Observer
) -> tuple[Tensor, Tensor]:
    """Images that match poisoned features (m, d): of each, the iterate with the smallest gap.

    Args:
        start, start_z: images (m, C, H, W) to begin at, and their features (m, d).

    Returns:
        The images (m, C, H, W) and the gaps (m,) of their exported forms.
    """
    x, z, least = start.clone(), start_z.float().clone(), torch.full((len(zeta),), torch.inf, device=zeta.device)
    parts = canvas.chunks()
    total = max(1, steps * len(parts))
    for i, (rows, part) in enumerate(parts):
        wanted = zeta[rows].float()
        weight = 2.0 / wanted.square().sum(1, keepdim=True).clamp_min(1e-24)
        ascent = Ascent(start[rows], ADAM_STEP, steps, part.project)
        for step in range(steps + 1):
            features, pull = part.forward(ascent.x)
            gap = gaps(features, wanted)
            better = gap < least[rows]
            least[rows] = torch.where(better, gap, least[rows])
            x[rows] = torch.where(better[:, None, None, None], ascent.x, x[rows])
            z[rows] = torch.where(better[:, None], features, z[rows])
            values = {"gap": float(least[: rows.stop].mean())}
            observe(Event("invert", i * steps + step, total, values, partial(canvas.show, x, z)))
            if step < steps:
                ascent.step(pull(weight * (wanted - features)) - 2.0 * beta * (ascent.x - part.base))
    return x, least
