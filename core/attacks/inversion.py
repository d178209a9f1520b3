"""Stage 3: images whose features are the poisoned ones, by feature matching on the pixels.

    min over feasible x of  ||f(x) - zeta||^2 / ||zeta||^2 + beta ||x - x_base||^2,

all images of a chunk at once, with Adam. The start is the nearest real image in feature space (ours) among
those that the label rule allows.
"""

import torch
from torch import Tensor

from core.attacks.base import Plan, Scene, allowed_bases
from core.attacks.canvas import Canvas
from core.attacks.implicit import Ascent
from core.events import Event, Observer

ADAM_STEP = 0.03


def nearest_bases(scene: Scene, plan: Plan, zeta: Tensor) -> Tensor:
    """(m,) the training image nearest to each poisoned feature, among those the label rule allows."""
    distance: Tensor = torch.cdist(zeta.float(), scene.z)
    nearest: Tensor = distance.masked_fill(~allowed_bases(scene, plan), torch.inf).argmin(1)
    return nearest


def gaps(features: Tensor, zeta: Tensor) -> Tensor:
    """(m,) relative distances ||f(x) - zeta|| / ||zeta||."""
    gap: Tensor = (features - zeta).norm(dim=1) / zeta.norm(dim=1).clamp_min(1e-12)
    return gap


def match(canvas: Canvas, start: Tensor, zeta: Tensor, steps: int, beta: float, observe: Observer) -> Tensor:
    """Images (m, C, H, W) that match poisoned features (m, d); of each, the iterate with the smallest gap.

    The gaps are those of the exported images.
    """
    done: list[Tensor] = []
    lowest: list[Tensor] = []
    parts = canvas.chunks()
    total = max(1, steps * len(parts))
    at = 0
    for i, part in enumerate(parts):
        rows = slice(at, at + len(part.base))
        at = rows.stop
        x, wanted = start[rows], zeta[rows].float()
        weight = 2.0 / wanted.square().sum(1, keepdim=True).clamp_min(1e-24)
        ascend = Ascent(ADAM_STEP, max(1, steps))
        best, least = x, torch.full((len(x),), torch.inf, device=x.device)
        for step in range(steps + 1):
            features, pull = part.forward(x)
            gap = gaps(features, wanted)
            better = gap < least
            least = torch.where(better, gap, least)
            best = torch.where(better[:, None, None, None], x, best)
            observe(Event("invert", i * steps + step, total, {"gap": float(torch.cat([*lowest, least]).mean())}))
            if step < steps:
                gradient = pull(weight * (features - wanted)) + 2.0 * beta * (x - part.base)
                x = ascend(x, -gradient, part.project)
        done.append(best)
        lowest.append(least)
    return torch.cat(done)
