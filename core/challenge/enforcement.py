"""The rules of a challenge applied to poison that somebody made elsewhere: budget, labels and constraint."""

import torch
from torch import Tensor

from core.attacks.algorithms.base import Attacked, Plan, Scene
from core.attacks.algorithms.plan import follows_rule, make_plan
from core.catalog.lookup import data_info
from core.challenge.poison_files import OwnPoison
from core.spec.experiment import LABEL_TITLES, ExperimentSpec
from core.system.errors import ChallengeError

TOLERANCE = 1e-5
"""By which a feature may leave its range, as float32 rounds it; it is put back."""


def enforced(spec: ExperimentSpec, scene: Scene, poison: OwnPoison, *, images_only: bool) -> Attacked:
    """Poison that keeps the rules, as `core.attacks.execution.execute` would hand it back.

    Args:
        spec: the experiment of the challenge.
        scene: what the attacker knows of it.
        poison: as it was handed in.
        images_only: whether feature vectors are refused.

    Raises:
        ChallengeError: it breaks a rule; the message says which, and names the sample.
    """
    if images_only and poison.x is None:
        raise ChallengeError("Rule images: this challenge asks for images, and these are feature vectors.")
    if poison.x is not None and data_info(spec.data).width:
        raise ChallengeError("Rule features: the data of this challenge are feature vectors; hand in vectors, as z.")
    device = scene.y.device
    y = torch.from_numpy(poison.y).to(device)
    if len(y) > spec.n_poison:
        raise ChallengeError(f"Rule budget: {len(y):,} poisoned samples; at most {spec.n_poison:,} are allowed.")
    _refuse((y < 0) | (y >= scene.n_classes), f"Rule labels: {{}} has no label from 0 to {scene.n_classes - 1}.")
    plan = make_plan(scene, spec)
    base = _base(spec, scene, poison, plan, y)
    wrong = ~follows_rule(scene, plan, base, y)
    _refuse(wrong, f"Rule labels ({LABEL_TITLES[spec.label_rule]}): {{}} has a label that its base image can't have.")
    if poison.x is None:
        return Attacked(y, base, None, _features(scene, plan, poison, y), None, {})
    return Attacked(y, base, None, None, _images(scene, plan, poison, base), {})


def _base(spec: ExperimentSpec, scene: Scene, poison: OwnPoison, plan: Plan, y: Tensor) -> Tensor:
    """(m,) int64 base points; those of the plan, in place of missing ones, where no rule depends on them."""
    if poison.base is None:
        if spec.label_rule != "chosen" or spec.constraint == "perturbation":
            raise ChallengeError(
                "Rule base images: labels or constraint depend on base images here; give base_index for each sample."
            )
        return plan.base[: len(y)]
    base = torch.from_numpy(poison.base).to(y.device)
    _refuse(
        (base < 0) | (base >= len(scene.y)),
        f"Rule base images: {{}} has no base_index from 0 to {len(scene.y) - 1}.",
    )
    return base


def _features(scene: Scene, plan: Plan, poison: OwnPoison, y: Tensor) -> Tensor:
    """(m, d) features within the constraint."""
    assert poison.z is not None
    z = torch.from_numpy(poison.z).to(y.device)
    width = scene.z.shape[1]
    if z.shape[1] != width:
        raise ChallengeError(f"Rule features: {z.shape[1]} numbers a sample; this extractor has {width}.")
    _refuse(~z.isfinite().all(1), "Rule features: {} is not finite.")
    nearest = plan.feasible.features(z, y)
    slack = TOLERANCE * (1 + z.abs().amax(1))
    _refuse(
        (nearest - z).abs().amax(1) > slack,
        "Rule constraint: {} leaves the range that some feature has on the clean training set.",
    )
    return nearest


def _images(scene: Scene, plan: Plan, poison: OwnPoison, base: Tensor) -> Tensor:
    """(m, C, H, W) images within the constraint, in 8 bits unless pixels are free."""
    assert poison.x is not None
    x = torch.from_numpy(poison.x).to(base.device)
    _refuse(~x.flatten(1).isfinite().all(1), "Rule constraint: {} has pixels that are not finite.")
    allowed = plan.feasible.eight_bit(x, scene.images[base])
    change = (allowed - x).abs().flatten(1).amax(1)
    if plan.feasible.delta is None:
        message = "Rule constraint: {} has pixels outside [0, 1]."
    else:
        message = (
            f"Rule constraint: {{}} has a pixel more than {plan.feasible.delta * 255:.0f}/255 from its base image."
        )
    _refuse(change > 0.5 / 255 + TOLERANCE, message)
    return allowed


def _refuse(wrong: Tensor, message: str) -> None:
    """Refuse poison of which some samples break a rule.

    Args:
        wrong: (m,) bool.
        message: with {} for the first of them.

    Raises:
        ChallengeError: some do.
    """
    rows = wrong.nonzero().flatten().tolist()
    if rows:
        more = f" So do {len(rows) - 1:,} more." if len(rows) > 1 else ""
        raise ChallengeError(message.format(f"sample {rows[0]}") + more)
