"""Stage 3: images whose features are the poisoned ones, by feature matching on the pixels.

    min over feasible x of  ||f(x) - zeta||^2 / ||zeta||^2 + beta ||x - x_base||^2,

all images of a chunk at once, with Adam. The start is the nearest real image in feature space (ours) among
those that the label rule allows.
"""

from functools import partial

import torch
from torch import Tensor

from core.attacks.base import Plan, Scene, allowed_bases
from core.attacks.implicit import Ascent, Damage
from core.events import Event, Observer

CHUNK = 64
"""Images whose activations are held at once."""
MATCH_STEP = 0.03
FINISH_STEP = 0.03


def nearest_bases(scene: Scene, plan: Plan, zeta: Tensor) -> Tensor:
    """(m,) the training image nearest to each poisoned feature, among those the label rule allows."""
    distance: Tensor = torch.cdist(zeta.float(), scene.z)
    nearest: Tensor = distance.masked_fill(~allowed_bases(scene, plan), torch.inf).argmin(1)
    return nearest


def gaps(features: Tensor, zeta: Tensor) -> Tensor:
    """(m,) relative distances ||f(x) - zeta|| / ||zeta||."""
    gap: Tensor = (features - zeta).norm(dim=1) / zeta.norm(dim=1).clamp_min(1e-12)
    return gap


def match(scene: Scene, plan: Plan, zeta: Tensor, base: Tensor, steps: int, beta: float, observe: Observer) -> Tensor:
    """Images (m, C, H, W) that match poisoned features (m, d); of each, the iterate with the smallest gap.

    The gaps are those of the 8-bit images: features are taken of rounded pixels, and gradients pass the
    rounding straight through.
    """
    start, target = scene.images[base], zeta.float()
    done = []
    chunks = list(zip(torch.split(start, CHUNK), torch.split(target, CHUNK), strict=True))
    total = max(1, steps * len(chunks))
    for i, (origin, wanted) in enumerate(chunks):
        ascend = Ascent(MATCH_STEP, max(1, steps))
        x = origin.clone()
        best, least = origin.clone(), torch.full((len(x),), torch.inf, device=x.device)
        for step in range(steps + 1):
            x = x.detach().requires_grad_()
            features = scene.pipeline(_rounded(x, plan, origin))
            gap = gaps(features, wanted)
            better = gap.detach() < least
            least = torch.where(better, gap.detach(), least)
            best[better] = x.detach()[better]
            observe(Event("invert", i * steps + step, total, {"gap": float(least.mean())}))
            if step == steps:
                break
            loss = (gap.square() + beta * (x - origin).square().flatten(1).sum(1)).sum()
            (gradient,) = torch.autograd.grad(loss, x)
            x = ascend(x.detach(), -gradient, partial(plan.feasible.pixels, base=origin))
        done.append(best)
    return torch.cat(done)


def finish(scene: Scene, plan: Plan, x: Tensor, base: Tensor, steps: int, observe: Observer) -> Tensor:
    """Go on from matched images by the head's own implicit gradient, pulled back to the pixels (ours).

    Returns:
        The iterate (m, C, H, W) whose 8-bit images leave the lowest accuracy on the clean training set.
    """
    origin = scene.images[base]
    damage = Damage(scene.z, scene.y, plan.y, scene.n_classes, scene.ridge, scene.clean_head)
    ascend = Ascent(FINISH_STEP, max(1, steps))
    best, best_accuracy = x, float("inf")
    for step in range(steps + 1):
        features = torch.cat(
            [
                _features(scene, plan, part, from_)
                for part, from_ in zip(torch.split(x, CHUNK), torch.split(origin, CHUNK), strict=True)
            ]
        )
        probe = damage.probe(features.double())
        if probe.train_accuracy < best_accuracy:
            best, best_accuracy = x, probe.train_accuracy
        observe(Event("finish", step, steps, {"train_accuracy": probe.train_accuracy, "damage": probe.damage}))
        if step == steps:
            break
        gradient = _pull_to_pixels(scene, plan, x, origin, probe.gradient.float())
        x = ascend(x, gradient, partial(plan.feasible.pixels, base=origin))
    return best


def _features(scene: Scene, plan: Plan, x: Tensor, origin: Tensor) -> Tensor:
    with torch.no_grad():
        return scene.pipeline(_rounded(x, plan, origin))


def _pull_to_pixels(scene: Scene, plan: Plan, x: Tensor, origin: Tensor, gradient: Tensor) -> Tensor:
    rows = []
    for part, from_, ahead in zip(
        torch.split(x, CHUNK), torch.split(origin, CHUNK), torch.split(gradient, CHUNK), strict=True
    ):
        leaf = part.detach().requires_grad_()
        features = scene.pipeline(_rounded(leaf, plan, from_))
        # Normalised by the batch: the head's gradients are tiny, and float32 keeps its digits this way.
        scale = ahead.norm().clamp_min(1e-30)
        rows.append(torch.autograd.grad(features, leaf, ahead / scale)[0] * scale)
    return torch.cat(rows)


def _rounded(x: Tensor, plan: Plan, origin: Tensor) -> Tensor:
    return x + (plan.feasible.eight_bit(x.detach(), origin) - x.detach())
