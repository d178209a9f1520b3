"""The plan of the poison: base points and labels by the label rule, and the base points that it allows."""

import torch
from torch import Tensor

from core.attacks.algorithms.base import Feasible, Plan, Scene
from core.attacks.algorithms.evasion import TOLERANCE, Filter
from core.attacks.algorithms.implicit import clean_response, influences
from core.defences.algorithms.base import TrainingSet
from core.heads import logistic as head
from core.spec.experiment import ExperimentSpec, LabelRule


def make_plan(scene: Scene, spec: ExperimentSpec) -> Plan:
    """Draw the base points, a seeded sample of the training set, and assign labels by the rule.

    If the poison has to pass a filter, points that pass it under their labels take precedence.
    """
    filter_ = None
    if spec.evade is not None:
        filter_ = Filter.fit(spec.evade, TrainingSet(scene.z, scene.y, scene.n_classes, scene.ridge), spec.n_poison)
    low, high = (None, None) if spec.constraint == "none" else scene.box
    delta = spec.delta if spec.constraint == "perturbation" else None
    return draw_plan(scene, spec.label_rule, Feasible(low, high, delta, filter_), spec.n_poison, spec.seed)


def draw_plan(scene: Scene, rule: LabelRule, feasible: Feasible, n_poison: int, seed: int) -> Plan:
    """`make_plan` for any label rule.

    Args:
        scene: what the attacker knows.
        rule: which labels the poison gets.
        feasible: the constraint.
        n_poison: m.
        seed: of the run.
    """
    generator = torch.Generator().manual_seed(seed)
    n, c = len(scene.y), scene.n_classes
    # The budget is at most 100% of the training set, so that no point is drawn twice.
    order = torch.randperm(n, generator=generator).to(scene.y.device)
    if rule == "clean":
        label_for = scene.y
        y = scene.y[order]
    elif rule == "adversarial":
        # The least likely label, but never the true one, which a poor head may find least likely.
        scores = head.logits(scene.clean_head, scene.z)
        scores[torch.arange(n, device=scores.device), scene.y] = torch.inf
        label_for = scores.argmin(1)
        y = label_for[order]
    elif rule == "chosen":
        ranks = rank_by_passing(influences(scene.clean_head, clean_response(scene)[0], scene.z), feasible.filter)
        label_for = ranks.argmax(1)
        y = label_for[order]
    else:
        label_for = torch.full_like(scene.y, -1)
        shift = torch.randint(1, c, (n,), generator=generator).to(scene.y.device)
        y = (scene.y[order] + shift) % c
    if feasible.filter is not None:
        first = feasible.filter.order_by_passing(order, y)
        order, y = order[first], y[first]
    return Plan(order[:n_poison], y[:n_poison], feasible, label_for, seed, any_label=rule == "chosen")


def rank_by_passing(influence: Tensor, filter_: Filter | None) -> Tensor:
    """(n, c) ranks of pairs of training point and label: their influence, for those that fail below all that pass.

    Args:
        influence: (n, c) of the training points under each label.
        filter_: the defence that the poison has to evade, or None.
    """
    if filter_ is None:
        return influence
    return torch.where(filter_.clean > TOLERANCE, influence.min() - filter_.clean, influence)


def allowed_pairs(scene: Scene, plan: Plan) -> Tensor:
    """(n, c) bool: the labels that the rule allows for poison made from each training point.

    Under the random rule each point has one wrong label, drawn by the plan's seed, so that labels remain drawn where
    base points are selected; those of the plan's base points are the plan's.
    """
    n, c = len(scene.y), scene.n_classes
    if plan.any_label:
        return torch.ones(n, c, dtype=torch.bool, device=scene.y.device)
    label = plan.label_for
    if bool((label < 0).any()):
        shift = torch.randint(1, c, (n,), generator=torch.Generator().manual_seed(plan.seed))
        label = (scene.y + shift.to(scene.y.device)) % c
        label[plan.base] = plan.y
    return torch.nn.functional.one_hot(label, c).bool()


def allowed_bases(scene: Scene, plan: Plan) -> Tensor:
    """(m, n) bool: the training points that label rule and filter allow as base of each poisoned sample.

    If no point passes the filter under a sample's label, the one with the least excess is allowed.
    """
    any_wrong = plan.label_for[None, :] < 0
    allowed = torch.where(any_wrong, scene.y[None, :] != plan.y[:, None], plan.label_for[None, :] == plan.y[:, None])
    if plan.any_label:
        allowed = torch.ones_like(allowed)
    if (filter_ := plan.feasible.filter) is None:
        return allowed
    excess = filter_.clean[:, plan.y].T.masked_fill(~allowed, torch.inf)
    return excess <= excess.amin(1, keepdim=True).clamp_min(TOLERANCE)


def follows_rule(scene: Scene, plan: Plan, base: Tensor, y: Tensor) -> Tensor:
    """(m,) bool: whether each poisoned sample follows the label rule.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        base: (m,) base points.
        y: (m,) labels.
    """
    if plan.any_label:
        return torch.ones_like(y, dtype=torch.bool)
    required = plan.label_for[base]
    return torch.where(required < 0, scene.y[base] != y, required == y)
