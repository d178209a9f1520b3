"""TGDA on free feature vectors: stage 2 by the implicit gradient (ours; see `core.attacks.implicit`)."""

from torch import Tensor

from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.implicit import Ascent, Damage
from core.events import Event, Observer
from core.spec import TGDAFeature


def tgda_features(scene: Scene, plan: Plan, steps: int, lr: float, observe: Observer) -> Tensor:
    """Poisoned features (m, d) that lower the retrained head's accuracy.

    The best iterate, by accuracy on the clean TRAINING set, is kept: the attacker has no test set.
    """
    damage = Damage(scene.z, scene.y, plan.y, scene.n_classes, scene.ridge, scene.clean_head)
    zeta = plan.feasible.features(scene.z[plan.base].double())
    ascend = Ascent(lr, steps)
    best, best_accuracy = zeta, float("inf")
    for step in range(steps + 1):
        probe = damage.probe(zeta)
        if probe.train_accuracy < best_accuracy:
            best, best_accuracy = zeta, probe.train_accuracy
        observe(Event("stage2", step, steps, {"train_accuracy": probe.train_accuracy, "damage": probe.damage}))
        if step < steps:
            zeta = ascend(zeta, probe.gradient, plan.feasible.features)
    return best


class TGDAFeatureAttack(Attack):
    """Poisoned features by total gradient ascent."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Optimise features from the base points' own."""
        settings = self.spec.attack
        assert isinstance(settings, TGDAFeature)
        return Draft(zeta=tgda_features(scene, plan, settings.steps, settings.lr, observe))
