"""Feature matching of all images at once, beside one image at a time: same starts, steps, optimiser and gaps.

One at a time is how ART's `FeatureCollisionAttack` goes through its images.
"""

import torch
from torch import Tensor

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.inversion import ADAM_STEP, gaps, match
from core.attacks.algorithms.tgda import tgda_features
from core.attacks.ft_matching import FTMatching
from core.extractors.features import Pipeline
from core.spec.events import silent

SETTINGS = FTMatching()
STEPS, QUICK_STEPS = 10, 3
STAGE2_STEPS = 5


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """The poison of the default run, for features of a few steps of stage 2."""
    size = Size(500, 15) if quick else Size()
    steps = QUICK_STEPS if quick else STEPS
    data = material(FEW if quick else ALL, place)
    scene, plan = case(data, size)
    zeta = tgda_features(scene, plan, STAGE2_STEPS, SETTINGS.lr, silent).float()
    base, z = scene.images[plan.base], scene.z[plan.base]
    canvas = Canvas(scene.pipeline, base, plan.feasible, plan.y)
    ways = {
        "all at once": lambda: match(canvas, base, z, zeta, steps, SETTINGS.beta, silent)[1],
        "one at a time": lambda: match_one_by_one(data.pipeline, base, zeta, steps, SETTINGS.beta),
    }
    taken, gaps_by_way = measure.in_turn(ways, place)
    initial_gap, ours = gaps(z, zeta), gaps_by_way["all at once"]
    return [
        measure.Row(
            f"{size.m} images, {steps} steps",
            way,
            taken[way],
            {
                "Mean gap before": f"{float(initial_gap.mean()):.4f}",
                "Mean gap": f"{float(gap.mean()):.4f}",
                "Largest difference of a gap": f"{float((gap - ours).abs().max()):.1e}",
            },
        )
        for way, gap in gaps_by_way.items()
    ]


def match_one_by_one(pipeline: Pipeline, base: Tensor, zeta: Tensor, steps: int, beta: float) -> Tensor:
    """Feature matching by one optimisation per image.

    Args:
        pipeline: from images to scaled features.
        base: (m, C, H, W) base images in [0, 1].
        zeta: (m, d) features to match.
        steps: of each optimisation.
        beta: weight of the distance to the base image.

    Returns:
        (m,) inversion gaps.
    """
    gaps = []
    for image, wanted in zip(base, zeta, strict=True):
        x = image[None].clone().requires_grad_()
        adam = torch.optim.Adam([x], lr=ADAM_STEP, betas=(0.9, 0.99), eps=1e-30)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=steps, eta_min=0.1 * ADAM_STEP)
        least = float("inf")
        for step in range(steps + 1):
            exported = x + (torch.round(x.detach() * 255.0) / 255.0 - x.detach())
            gap = (pipeline(exported)[0] - wanted).norm() / wanted.norm()
            least = min(least, float(gap.detach()))
            if step < steps:
                adam.zero_grad()
                (gap.square() + beta * (x - image).square().sum()).backward()
                adam.step()
                decay.step()
                with torch.no_grad():
                    x.clamp_(0.0, 1.0)
        gaps.append(least)
    return torch.tensor(gaps, device=base.device)


text = measure.comparison
