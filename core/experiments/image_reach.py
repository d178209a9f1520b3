"""What images can do at all with a budget: poisoned features in the clean range, near images, and images (ours).

The panel beside an attack: features in the box cost most, those that some image comes near less, our images least. All
three are searches and so lower estimates of what there is; that a feature is near an image is measured, by an image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.catalog.choices import resolve
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array
from core.system.errors import SpecError

NEAR = 0.25
"""The relative distance that counts as near: features within a quarter of the norm of an image's features."""
DISTANCES = (0.1, NEAR, 0.5)
"""Relative distances that are measured."""
STEPS, LR = 15, 0.1
"""Of the features near images, for each distance."""
BOX_STEPS, BOX_LR = 40, 0.3
"""Of the features in the clean range: the defaults of `tgda-feature`."""


@dataclass(frozen=True)
class NearDrop:
    """Poisoned features within a distance of images.

    Attributes:
        distance: the largest relative distance that is allowed.
        mean: the mean relative distance of the features.
        drop: of test accuracy, in points.
    """

    distance: float
    mean: float
    drop: float


@dataclass(frozen=True)
class ImageReach:
    """Drops of test accuracy in points.

    Attributes:
        box: by poisoned features in the range of the clean ones.
        near: by poisoned features near the run's images, by distance.
        images: by the run's images.
    """

    box: float
    near: tuple[NearDrop, ...]
    images: float

    @property
    def near_drop(self) -> float:
        """The drop by features at most `NEAR` from an image's."""
        return next(near.drop for near in self.near if near.distance == NEAR)

    @classmethod
    def from_json(cls, reach: Mapping[str, Any]) -> "ImageReach":
        """Read the output of `to_json`.

        Raises:
            KeyError: a number is missing.
        """
        near = tuple(NearDrop(**item) for item in reach["near"])
        return cls(float(reach["box"]), near, float(reach["images"]))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"box": self.box, "near": [vars(near) for near in self.near], "images": self.images}


def check(spec: ExperimentSpec, *, makes_images: bool) -> None:
    """Check that there is something to measure.

    Raises:
        SpecError: the attack makes no images, or its pixels are free.
    """
    if not makes_images:
        raise SpecError(f"What images can do is measured from a run's images; {spec.attack.name} makes features only.")
    if spec.constraint == "none":
        raise SpecError("Under the constraint none pixels are no images' any more; allowed: valid, perturbation.")


def image_reach(spec: ExperimentSpec, poison: Mapping[str, Array], device: str = "auto") -> ImageReach:
    """Measure what a run's images leave out.

    Args:
        spec: of the run.
        poison: of the run: images `x` (m, C, H, W) in [0, 1], labels `y` (m,) and base points `base_index` (m,).
        device: "auto", "cpu" or "cuda".

    Raises:
        PoisonLabError: the run can't be computed here any more.
    """
    from dataclasses import replace

    import torch

    from core.attacks.algorithms.implicit import influential
    from core.attacks.algorithms.near_images import near_features
    from core.attacks.algorithms.plan import make_plan
    from core.attacks.algorithms.tgda import tgda_features
    from core.experiments import extraction, phases
    from core.experiments.watch import RunWatch
    from core.system import device as devices

    spec, watch, place = resolve(spec), RunWatch(silent, None), devices.choose(device)
    with devices.explain_out_of_memory():
        loaded = extraction.load(spec, place, watch)
        extracted = extraction.extract(loaded, watch)
        clean = phases.train_clean(spec, loaded, extracted, watch)
        scene = phases.scene_of(spec, loaded, extracted, clean)
        drawn = make_plan(scene, spec)
        x, y, base = (torch.from_numpy(poison[name]).to(place) for name in ("x", "y", "base_index"))
        plan = replace(drawn, base=base, y=y)

        def drop(zeta: torch.Tensor, labels: torch.Tensor) -> float:
            theta = clean.evaluator.retrain(zeta.float(), labels, clean.head)
            return 100 * (clean.score.accuracy - clean.evaluator.score(theta).accuracy)

        near, start = [], None
        for distance in DISTANCES:
            # The sets are nested: each search starts from what the one before has reached.
            reached = near_features(scene, plan, x, distance, rounds=1, steps=STEPS, lr=LR, boxed=False, start=start)
            start = reached.zeta
            near.append(NearDrop(distance, float(reached.distance.mean()), drop(reached.zeta, y)))
        bases = influential(scene, drawn)
        box = tgda_features(scene, bases, BOX_STEPS, BOX_LR, silent)
        return ImageReach(drop(box, bases.y), tuple(near), drop(scene.features(x), y))
