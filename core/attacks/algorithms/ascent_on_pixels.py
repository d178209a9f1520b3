"""Total gradient ascent on the pixels themselves (Lu et al. 2024, section 3; TGDA, arXiv 2204.09092)."""

from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.implicit import Damage, maximise
from core.attacks.algorithms.outer import ALIKE, Outer
from core.spec.events import Observer

DAMPING = 1e-2
"""Damping of the implicit system on pixels: images reach less than free features, and overfit sooner."""


def ascend(
    scene: Scene,
    plan: Plan,
    canvas: Canvas,
    x: Tensor,
    steps: int,
    lr: float,
    observe: Observer,
    damping: float = DAMPING,
    outer: Outer = ALIKE,
) -> Tensor:
    """Images (m, C, H, W) by total gradient ascent: the head's implicit gradient, pulled back through f.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        canvas: the constraint and the extractor for these images.
        x: (m, C, H, W) initial images.
        steps: of projected Adam.
        lr: its step size, for pixels in [0, 1].
        observe: receives the progress.
        damping: of the implicit system.
        outer: the outer loss.
    """
    damage, ascent = Damage(scene, plan.y, outer), Ascent(x, lr, steps, canvas.project)
    return maximise(
        damage,
        ascent,
        steps,
        canvas.forward,
        stage="pixels",
        damping=damping,
        observe=observe,
        show=canvas.show,
        failing=canvas.failing,
    )
