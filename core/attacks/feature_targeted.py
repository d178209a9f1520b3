"""The feature-targeted attack: target head, poisoned features, images (Lu et al. 2024, section 4)."""

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor

from core.attacks import decoders
from core.attacks.base import Attack, Draft, Plan, Scene
from core.attacks.canvas import Canvas
from core.attacks.gradient_canceling import gc_features
from core.attacks.implicit import influential
from core.attacks.input_space import climb
from core.attacks.inversion import matched, nearest_bases
from core.attacks.tgda import tgda_features
from core.spec.events import Event, Observer
from core.spec.experiment import FTDonor, FTMatching, Inversion, Stage2

FINISH_STEP = 0.03


def stages_1_and_2(scene: Scene, plan: Plan, settings: Stage2, observe: Observer) -> tuple[Tensor | None, Tensor]:
    """Target parameters (c, d + 1), where stage 2 needs them, and poisoned features (m, d)."""
    if settings.stage2 == "gc":
        return gc_features(scene, plan, settings.target, settings.radius, settings.steps, observe)
    return None, tgda_features(scene, plan, settings.steps, settings.lr, observe)


class InversionAttack(Attack):
    """Poisoned features, images of them, then (ours) a finish on the head itself. Subclasses write `invert`."""

    @abstractmethod
    def invert(
        self, scene: Scene, plan: Plan, zeta: Tensor, observe: Observer
    ) -> tuple[Tensor, Tensor, Mapping[str, float]]:
        """Base points (m,), images (m, C, H, W) of poisoned features (m, d), and numbers to report."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Run the stages one after another."""
        settings = self.spec.attack
        assert isinstance(settings, Inversion)
        if settings.bases == "influence":
            plan = influential(scene, plan)
        target, zeta = stages_1_and_2(scene, plan, settings, observe)
        base, x, notes = self.invert(scene, plan, zeta, observe)
        if settings.finish_steps:
            canvas = Canvas(scene.pipeline, scene.images[base], plan.feasible, plan.y)
            x = climb(scene, plan, canvas, x, settings.finish_steps, FINISH_STEP, observe)
        return Draft(target, zeta, x, base, plan.y, notes)


class FTMatchingAttack(InversionAttack):
    """Images by feature matching on the pixels."""

    def invert(
        self, scene: Scene, plan: Plan, zeta: Tensor, observe: Observer
    ) -> tuple[Tensor, Tensor, Mapping[str, float]]:
        """Match from the nearest real images."""
        settings = self.spec.attack
        assert isinstance(settings, FTMatching)
        base, x = matched(scene, plan, zeta, settings.match_steps, settings.beta, settings.restarts, observe)
        return base, x, {}


class FTDecoderAttack(InversionAttack):
    """Images by a trained decoder."""

    def invert(
        self, scene: Scene, plan: Plan, zeta: Tensor, observe: Observer
    ) -> tuple[Tensor, Tensor, Mapping[str, float]]:
        """Base images, which bound the change of pixels, are the real ones nearest to the poisoned features."""
        decoder = decoders.cached(scene, observe)
        observe(Event("invert", 0, 1))
        return nearest_bases(scene, plan, zeta)[:, 0], decoder.paint(zeta), decoder.errors


class FTDonorAttack(Attack):
    """Poisoned features, then the real images nearest to them: the baseline of every inversion (ours)."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Nothing is optimised after stage 2."""
        settings = self.spec.attack
        assert isinstance(settings, FTDonor)
        target, zeta = stages_1_and_2(scene, plan, settings, observe)
        base = nearest_bases(scene, plan, zeta)[:, 0]
        return Draft(target=target, zeta=zeta, x=scene.images[base], base=base)
