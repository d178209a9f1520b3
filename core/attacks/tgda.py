"""TGDA on free feature vectors: stage 2 by the implicit gradient (ours; see `core.attacks.implicit`)."""

from torch import Tensor

from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.implicit import DAMPING, Ascent, Damage, maximise
from core.spec.events import Observer
from core.spec.experiment import TGDAFeature


def tgda_features(scene: Scene, plan: Plan, steps: int, lr: float, observe: Observer) -> Tensor:
    """Poisoned features (m, d) that lower the retrained head's accuracy."""
    ascent = Ascent(scene.z[plan.base].double(), lr, steps, plan.features_)
    return maximise(Damage(scene, plan.y), ascent, steps, stage="stage2", damping=DAMPING, observe=observe)


class TGDAFeatureAttack(Attack):
    """Poisoned features by total gradient ascent."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Optimise features from the base points' own."""
        settings = self.spec.attack
        assert isinstance(settings, TGDAFeature)
        return Draft(zeta=tgda_features(scene, plan, settings.steps, settings.lr, observe))
