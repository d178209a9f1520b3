"""TGDA on free feature vectors: stage 2 by the implicit gradient (ours; see `core.attacks.algorithms.implicit`)."""

from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.implicit import DAMPING, Damage, maximise
from core.spec.events import Observer


def tgda_features(scene: Scene, plan: Plan, steps: int, lr: float, observe: Observer) -> Tensor:
    """Poisoned features (m, d) that lower the accuracy of the retrained head.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        steps: number of steps.
        lr: Adam's step size.
        observe: receives the progress.
    """
    ascent = Ascent(scene.z[plan.base].double(), lr, steps, plan.features_)
    return maximise(Damage(scene, plan.y), ascent, steps, stage="stage2", damping=DAMPING, observe=observe)
