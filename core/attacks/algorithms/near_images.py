"""Poisoned features that some image comes near: stage 2 within reach of images (ours).

    R_rho = {zeta : ||zeta - f(x)|| <= rho ||f(x)|| for some allowed image x}.

R_0 are the features that images have; with rho the sets grow. That a feature belongs to R_rho is not assumed: the
image is kept beside it, as its witness. In rounds, the features climb the damage inside the balls around the features
of their witnesses, and the witnesses are then matched to them, which moves the balls.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.implicit import DAMPING, Damage, maximise
from core.attacks.algorithms.inversion import match
from core.spec.events import Observer, part_of, silent

ALTERNATIONS = 3
"""Projections on the constraint and on the balls in turn."""
MATCH_STEPS = 10
"""Steps of the witnesses between two rounds."""


@dataclass(frozen=True)
class Near:
    """Poisoned features with the images that they are near to.

    Attributes:
        zeta: (m, d) float64 features.
        x: (m, C, H, W) their witnesses, with 8-bit pixels.
        z: (m, d) float64 features of the witnesses.
    """

    zeta: Tensor
    x: Tensor
    z: Tensor

    @property
    def distance(self) -> Tensor:
        """(m,) ||zeta - f(x)|| / ||f(x)||, at most rho."""
        distance: Tensor = (self.zeta - self.z).norm(dim=1) / self.z.norm(dim=1).clamp_min(1e-12)
        return distance


def near_features(
    scene: Scene,
    plan: Plan,
    x: Tensor,
    rho: float,
    *,
    rounds: int,
    steps: int,
    lr: float,
    boxed: bool = True,
    start: Tensor | None = None,
    observe: Observer = silent,
) -> Near:
    """Poisoned features that lower the accuracy of the retrained head, each within rho of an image's.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        x: (m, C, H, W) allowed images, the first witnesses.
        rho: the relative distance.
        rounds: how often the features climb; with one round the witnesses stay `x`.
        steps, lr: of all climbs together, and their step size.
        boxed: whether features stay in the clean range too, as far as the balls leave room for it. Images may leave it.
        start: (m, d) features to start from; None: those of `x`.
        observe: receives the progress.
    """
    canvas = Canvas.of(scene, plan)
    near = _with_witnesses(scene, plan, canvas, x)
    near = replace(near, zeta=near.z if start is None else start)
    each = max(1, steps // rounds)
    for k in range(rounds):
        if k:
            matched, _ = match(canvas, near.x, near.z, near.zeta, MATCH_STEPS, 0.0, silent)
            near = replace(_with_witnesses(scene, plan, canvas, matched), zeta=near.zeta)
        near = _climbed(scene, plan, near, rho, each, lr, boxed, part_of(observe, k, rounds))
    return near


def _with_witnesses(scene: Scene, plan: Plan, canvas: Canvas, x: Tensor) -> Near:
    """Images (m, C, H, W) as they would be exported, with their own features."""
    exported = plan.feasible.eight_bit(canvas.project(x), canvas.base)
    z = scene.features(exported).double()
    return Near(z, exported, z)


def _climbed(
    scene: Scene, plan: Plan, near: Near, rho: float, steps: int, lr: float, boxed: bool, observe: Observer
) -> Near:
    """The features after `steps` steps inside their balls."""
    radius, filter_ = rho * near.z.norm(dim=1), plan.feasible.filter

    def project_(zeta: Tensor) -> Tensor:
        for _ in range(ALTERNATIONS):
            if boxed:
                plan.features_(zeta)
            elif filter_ is not None:
                filter_.project_(zeta, plan.y)
            offset = zeta - near.z
            shrink = (radius / offset.norm(dim=1).clamp_min(1e-12)).clamp_max(1.0)
            zeta.copy_(near.z + shrink[:, None] * offset)
        return zeta

    ascent = Ascent(near.zeta, lr, steps, project_)
    zeta = maximise(Damage(scene, plan.y), ascent, steps, stage="stage2", damping=DAMPING, observe=observe)
    return replace(near, zeta=zeta)
