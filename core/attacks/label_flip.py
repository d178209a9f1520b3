"""Label flips: copies of training images under other labels. The baseline that every attack must beat."""

from core.attacks.base import Attack, Draft, Plan, Scene
from core.spec.events import Observer


class LabelFlip(Attack):
    """The base images themselves, with the labels that the rule gave."""

    def run(self, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        """Nothing to optimise."""
        return Draft(x=scene.images[plan.base])
