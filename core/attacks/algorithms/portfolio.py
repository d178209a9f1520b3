"""A portfolio of starts (ours): several ways to begin, of which the training set alone says which is best.

No single start wins on every pair of data and extractor. Total gradient ascent on the pixels ends in a local optimum
near its start, so that the start decides. Each start is made under each label rule that the attacker may follow, all
ascend for one cycle, the better half for another, and so on until one is left: successive halving (Jamieson and
Talwalkar 2016). Better is the lower accuracy on the clean TRAINING set, at the converged head and on the images as
they would be exported, where points count as in the outer loss; the attacker has no test set. Between starts of
different kinds it predicts the test set better than the smooth outer loss, which only breaks ties.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from core.attacks.algorithms.ascent_on_pixels import ascend
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.frank_wolfe import Exchange, Poison
from core.attacks.algorithms.implicit import Damage, influential
from core.attacks.algorithms.inversion import match_with_restarts
from core.attacks.algorithms.outer import Outer
from core.attacks.algorithms.plan import draw_plan
from core.attacks.algorithms.tgda import tgda_features
from core.attacks.starts import RULES, field_sizes
from core.heads import logistic as head
from core.spec.events import Observer, for_target, made_from, part_of
from core.spec.experiment import LabelRule

HEAD_TOLERANCE = 1e-6
"""Of the head's gradient norm where starts are compared."""


@dataclass(frozen=True)
class Candidate:
    """Poison that one start has led to.

    Attributes:
        start: its name.
        rule: the label rule that it follows, where the attacker may follow several.
        index: that tells its events apart; from 1.
        plan: base images and labels.
        x: (m, C, H, W) images.
        zeta: (m, d) poisoned features that the images were matched to, or None.
        failing: how many samples fail the filter.
        train_accuracy: on the clean training set; infinite before it is known.
        counted_accuracy: the same with points that count as in the outer loss.
        outer_loss: on the same set.
    """

    start: str
    rule: LabelRule | None
    index: int
    plan: Plan
    x: Tensor
    zeta: Tensor | None = None
    failing: int = 0
    train_accuracy: float = float("inf")
    counted_accuracy: float = float("inf")
    outer_loss: float = 0.0

    @property
    def rank(self) -> tuple[int, float, float]:
        """The larger the better."""
        return -self.failing, -self.counted_accuracy, self.outer_loss


Start = Callable[[Plan, Observer], tuple[Plan, Tensor, Tensor | None]]
"""From a plan to base images and labels, images (m, C, H, W), and the features (m, d) that they match, if any."""


def real_images(scene: Scene, plan: Plan, observe: Observer) -> tuple[Plan, Tensor, None]:
    """The plan's base images as they are.

    Args:
        scene, plan: see `make_plan`.
        observe: hears of nothing.
    """
    return plan, scene.images[plan.base], None


def matched_images(
    scene: Scene, plan: Plan, observe: Observer, *, feature_steps: int, lr: float, steps: int, beta: float
) -> tuple[Plan, Tensor, Tensor]:
    """Images whose features match poisoned ones.

    Args:
        scene, plan: see `make_plan`.
        observe: receives the progress.
        feature_steps, lr: of the total gradient ascent on the features.
        steps, beta: of the matching.
    """
    zeta = tgda_features(scene, plan, feature_steps, lr, observe)
    base, x = match_with_restarts(scene, plan, zeta, steps, beta, 1, observe)
    return replace(plan, base=base), x, zeta


def exchanged_images(
    scene: Scene, plan: Plan, observe: Observer, *, rounds: int, atoms: int, steps: int, damping: float, outer: Outer
) -> tuple[Plan, Tensor, None]:
    """Frank-Wolfe over the poison.

    Args:
        scene, plan: see `make_plan`.
        observe: receives the progress.
        rounds, atoms, steps, damping, outer: see `core.attacks.algorithms.frank_wolfe.Exchange`.
    """
    start = Poison.real(scene, plan.base, plan.y)
    poison, _ = Exchange(scene, plan, atoms, steps, damping, outer).run(start, rounds, observe)
    return replace(plan, base=poison.base, y=poison.y), poison.x, None


def candidates(
    scene: Scene, plan: Plan, starts: Mapping[str, Start], observe: Observer, *, by_influence: bool
) -> list[Candidate]:
    """Every start before the ascent, under every label rule if the attacker may choose labels.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        starts: by name; their events come start by start.
        observe: receives the progress.
        by_influence: whether they begin from the images that harm most as they are, where labels are not random, or
            from the plan's.
    """
    plans: dict[LabelRule | None, Plan] = {None: plan}
    if plan.any_label:
        plans = {rule: draw_plan(scene, rule, plan.feasible, plan.n_poison, plan.seed) for rule in RULES}
    if by_influence:
        plans = {rule: influential(scene, own) for rule, own in plans.items()}
    made: list[Candidate] = []
    for name, start in starts.items():
        for i, (rule, own) in enumerate(plans.items()):
            index = len(made) + 1
            part = part_of(for_target(made_from(observe, own.base, own.y), index), i, len(plans))
            made.append(Candidate(name, rule, index, *start(own, part)))
    return made


def race(
    scene: Scene,
    field: Sequence[Candidate],
    cycles: int,
    steps: int,
    lr: float,
    observe: Observer,
    *,
    damping: float,
    outer: Outer,
) -> tuple[Candidate, list[Candidate]]:
    """Let candidates ascend, and drop the worse half after each cycle.

    Args:
        scene: what the attacker knows.
        field: the candidates.
        cycles: that the winner has at least.
        steps, lr: of a cycle.
        observe: receives the progress.
        damping, outer: of the ascent.

    Returns:
        The winner, and all candidates as they were after their first cycle, in their order.
    """
    sizes, done = field_sizes(len(field), cycles), 0
    left, first = [judged(scene, candidate, outer) for candidate in field], list(field)
    for size in sizes:
        best = sorted(left, key=lambda candidate: candidate.rank, reverse=True)[:size]
        left = []
        for candidate in sorted(best, key=lambda candidate: candidate.index):
            part = part_of(for_target(observe, candidate.index), done, sum(sizes))
            left.append(_ascended(scene, candidate, steps, lr, part, damping, outer))
            done += 1
        first = left if done == len(field) else first
    return left[0], first


def _ascended(
    scene: Scene, candidate: Candidate, steps: int, lr: float, observe: Observer, damping: float, outer: Outer
) -> Candidate:
    """The candidate after a cycle, unless that made it worse."""
    plan, canvas = candidate.plan, Canvas.of(scene, candidate.plan)
    x = ascend(scene, plan, canvas, candidate.x, steps, lr, made_from(observe, plan.base, plan.y), damping, outer)
    return max(candidate, judged(scene, replace(candidate, x=x), outer), key=lambda some: some.rank)


def judged(scene: Scene, candidate: Candidate, outer: Outer) -> Candidate:
    """The candidate with its effect on the head and on the outer loss, and how many samples fail the filter."""
    plan = candidate.plan
    z = scene.features(plan.feasible.eight_bit(candidate.x, scene.images[plan.base]))
    probe = Damage(scene, plan.y, outer).probe(z.double(), tol=HEAD_TOLERANCE)
    filter_ = plan.feasible.filter
    failing = 0 if filter_ is None else int((~filter_.passes(z, plan.y)).sum())
    logits = head.logits(probe.theta, scene.z)
    counted = probe.train_accuracy if outer.weights is None else outer.accuracy(logits, scene.y)
    return replace(
        candidate,
        failing=failing,
        train_accuracy=probe.train_accuracy,
        counted_accuracy=counted,
        outer_loss=probe.damage,
    )
