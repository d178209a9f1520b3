"""The feature-targeted attack: target head, poisoned features, images (Lu et al. 2024, section 4)."""

from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.gradient_canceling import gc_features
from core.attacks.inversion import finish, match, nearest_bases
from core.attacks.tgda import tgda_features
from core.events import Observer
from core.spec import FTMatching


class FTMatchingAttack(Attack):
    """Poisoned features, then feature matching on the pixels, then (ours) a finish on the head itself."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Run the stages one after another."""
        settings = self.spec.attack
        assert isinstance(settings, FTMatching)
        target = None
        if settings.stage2 == "gc":
            target, zeta = gc_features(scene, plan, settings.target, settings.radius, settings.steps, observe)
        else:
            zeta = tgda_features(scene, plan, settings.steps, settings.lr, observe)
        base = nearest_bases(scene, plan, zeta)
        x = match(scene, plan, zeta, base, settings.match_steps, settings.beta, observe)
        if settings.finish_steps:
            x = finish(scene, plan, x, base, settings.finish_steps, observe)
        return Draft(target=target, zeta=zeta, x=x, base=base)
