"""On how many views of its images an audit trains a head, against which attacks, and why not others. Free of torch."""

from collections.abc import Sequence

from core.attacks.registry import record_of
from core.catalog.choices import attack_title
from core.catalog.lookup import data_info
from core.experiments import cost
from core.spec.experiment import ExperimentSpec
from core.system.numbers import counted

MOST_VIEWS = 4
"""Random views of each image that a head is trained on, beside the image itself."""
MOST_POINTS = 120_000
"""Points that such a head is trained on: with more images, each has fewer views."""


def refusals(spec: ExperimentSpec, attacks: Sequence[str]) -> list[str]:
    """Why heads on augmented images are not measured against attacks, in sentences; empty where they are.

    Args:
        spec: of the audit's experiments.
        attacks: their names.
    """
    if data_info(spec.data).width:
        return ["Augmentation is not measured: the data are feature vectors, and there are no images to augment."]
    if spec.constraint == "none":
        return ["Augmentation is not measured: under the constraint none, pixels of the poison may be any numbers."]
    if not views_of(spec):
        return [f"Augmentation is not measured: it would make more than {MOST_POINTS:,} points to train on."]
    return [
        f"Augmentation is not measured against {attack_title(attack)}: its poison is feature vectors, and there are no "
        "images of it to augment."
        for attack in attacks
        if not is_augmentable(spec, attack)
    ]


def is_augmentable(spec: ExperimentSpec, attack: str) -> bool:
    """Whether an attack of an audit makes images that can be augmented; "flips" does.

    Args:
        spec: of the audit's experiments.
        attack: its name.
    """
    is_image = attack == "flips" or record_of(attack).makes_images
    return is_image and not data_info(spec.data).width and spec.constraint != "none" and views_of(spec) > 0


def seconds(spec: ExperimentSpec, device: str = "auto") -> float:
    """Seconds that `augmented_head` is expected to spend on the features of the views; see `cost.extraction`."""
    return cost.extraction(spec, views_of(spec) * (spec.train_size + spec.n_poison), device)


def views_of(spec: ExperimentSpec) -> int:
    """The number of views of each image of an experiment; 0 where even one would be too much."""
    return max(0, min(MOST_VIEWS, MOST_POINTS // (spec.train_size + spec.n_poison) - 1))


def title(spec: ExperimentSpec) -> str:
    """What the head of an experiment is called in a report."""
    return f"augmented: {counted(views_of(spec), 'view')} of each image"
