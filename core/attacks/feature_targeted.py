"""The feature-targeted attack: target head, poisoned features, images (Lu et al. 2024, section 4)."""

from torch import Tensor

from core.attacks import decoders
from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.canvas import Canvas
from core.attacks.gradient_canceling import gc_features
from core.attacks.implicit import influential
from core.attacks.input_space import climb
from core.attacks.inversion import matched, nearest_bases
from core.attacks.tgda import tgda_features
from core.events import Event, Observer
from core.spec import FTDecoder, FTDonor, FTMatching, Stage2

FINISH_STEP = 0.03


def stages_1_and_2(scene: Scene, plan: Plan, settings: Stage2, observe: Observer) -> tuple[Tensor | None, Tensor]:
    """Target parameters (c, d + 1), where stage 2 needs them, and poisoned features (m, d)."""
    if settings.stage2 == "gc":
        return gc_features(scene, plan, settings.target, settings.radius, settings.steps, observe)
    return None, tgda_features(scene, plan, settings.steps, settings.lr, observe)


def finished(scene: Scene, plan: Plan, base: Tensor, x: Tensor, steps: int, observe: Observer) -> Tensor:
    """Images (m, C, H, W) made from base points (m,), driven on by the head's own gradient (ours)."""
    if not steps:
        return x
    canvas = Canvas(scene.pipeline, scene.images[base], plan.feasible)
    return climb(scene, plan, canvas, x, steps, FINISH_STEP, observe)


class FTMatchingAttack(Attack):
    """Poisoned features, then feature matching on the pixels, then (ours) a finish on the head itself."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Run the stages one after another."""
        settings = self.spec.attack
        assert isinstance(settings, FTMatching)
        if settings.bases == "influence":
            plan = influential(scene, plan)
        target, zeta = stages_1_and_2(scene, plan, settings, observe)
        base, x = matched(scene, plan, zeta, settings.match_steps, settings.beta, settings.restarts, observe)
        x = finished(scene, plan, base, x, settings.finish_steps, observe)
        return Draft(target=target, zeta=zeta, x=x, base=base, y=plan.y)


class FTDecoderAttack(Attack):
    """Poisoned features, then a trained decoder's images of them, then (ours, off by default) a finish."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Base images, which bound the change of pixels, are the real ones nearest to the poisoned features."""
        settings = self.spec.attack
        assert isinstance(settings, FTDecoder)
        if settings.bases == "influence":
            plan = influential(scene, plan)
        target, zeta = stages_1_and_2(scene, plan, settings, observe)
        decoder = decoders.cached(scene, observe)
        base = nearest_bases(scene, plan, zeta)[:, 0]
        observe(Event("invert", 0, 1))
        x = finished(scene, plan, base, decoder.paint(zeta), settings.finish_steps, observe)
        return Draft(target, zeta, x, base, plan.y, decoder.errors)


class FTDonorAttack(Attack):
    """Poisoned features, then the real images nearest to them: the baseline of every inversion (ours)."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Nothing is optimised after stage 2."""
        settings = self.spec.attack
        assert isinstance(settings, FTDonor)
        target, zeta = stages_1_and_2(scene, plan, settings, observe)
        base = nearest_bases(scene, plan, zeta)[:, 0]
        return Draft(target=target, zeta=zeta, x=scene.images[base], base=base)
