"""Frank-Wolfe over the poison (ours): what harms least is exchanged for images that climb their influence.

The poison is a measure on pairs of image and label, and the outer loss a function of it. Its first-order change by one
more pair has a closed form, see `core.attacks.algorithms.implicit.influences`. A round

1. starts from the real images of largest influence at the current head, among the pairs that the label rule allows;
2. climbs the influence of each over its pixels, with the head frozen: these are the atoms;
3. puts the best atoms into the place of the poisoned samples of least influence: 2m / (k + 3) of them in round k, the
   classic step, halved until the outer loss on the TRAINING set rises; the head is solved again for each try.

It ends early where no exchange raises the outer loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.evasion import TOLERANCE
from core.attacks.algorithms.implicit import Damage, Probe, clean_response, influences, pullback
from core.attacks.algorithms.outer import ALIKE, Outer
from core.attacks.algorithms.plan import allowed_pairs, rank_by_passing
from core.heads import logistic as head
from core.spec.events import Event, Observer, Snapshot, part_of

STAGE = "exchange"
ATOM_STEP = 0.05
"""Adam's step size of an atom, for pixels in [0, 1]."""
HEAD_TOLERANCE, RESPONSE_TOLERANCE = 1e-6, 1e-3
"""Of the head's gradient norm and of the implicit system: exchanges are accepted by small differences of the loss."""


@dataclass(frozen=True)
class Poison:
    """Poisoned samples.

    Attributes:
        base: (k,) rows of their base images.
        y: (k,) labels.
        x: (k, C, H, W) pixels.
        z: (k, d) float32 features of the images as they would be exported.
    """

    base: Tensor
    y: Tensor
    x: Tensor
    z: Tensor

    @classmethod
    def real(cls, scene: Scene, base: Tensor, y: Tensor) -> "Poison":
        """Training images (k,) as they are, under labels (k,)."""
        return cls(base, y, scene.images[base], scene.z[base])

    def exchanged(self, rows: Tensor, atoms: "Poison", chosen: Tensor) -> "Poison":
        """The same poison with some rows exchanged for atoms.

        Args:
            rows: (r,) rows that go.
            atoms: what they are exchanged for.
            chosen: (r,) rows of the atoms.
        """
        pairs = zip(self._fields(), atoms._fields(), strict=True)
        return Poison(*(old.index_copy(0, rows, new[chosen]) for old, new in pairs))

    def _fields(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.base, self.y, self.x, self.z


@dataclass(frozen=True)
class State:
    """Poison and its effect.

    Attributes:
        poison: m samples.
        probe: of the head that they retrain, with the outer loss.
        q: (c, d + 1), see `core.attacks.algorithms.implicit`.
        failing: how many samples fail the filter.
    """

    poison: Poison
    probe: Probe
    q: Tensor
    failing: int

    @property
    def rank(self) -> tuple[int, float]:
        """The larger the better: fewer failures, then a larger outer loss."""
        return -self.failing, self.probe.damage


class Exchange:
    """The rounds on one scene.

    Args:
        scene: what the attacker knows.
        plan: of the poison.
        n_atoms: number of atoms of a round; at most m.
        steps: of an atom's ascent.
        damping: of the implicit system.
        outer: the outer loss.
    """

    def __init__(
        self, scene: Scene, plan: Plan, n_atoms: int, steps: int, damping: float, outer: Outer = ALIKE
    ) -> None:
        self._scene = scene
        self._plan = plan
        self._n_atoms = min(n_atoms, plan.n_poison)
        self._steps = steps
        self._damping = damping
        self._allowed = allowed_pairs(scene, plan)
        self._damage = Damage(scene, plan.y, outer)

    def influential(self) -> Poison:
        """The m real images of largest influence at the clean head."""
        q, _ = clean_response(self._scene, self._damping, self._damage.outer)
        return Poison.real(self._scene, *self._best_pairs(self._scene.clean_head, q, self._plan.n_poison))

    def run(self, start: Poison, rounds: int, observe: Observer) -> tuple[Poison, dict[str, float]]:
        """Exchange round by round.

        Args:
            start: m samples.
            rounds: most rounds.
            observe: receives the progress.

        Returns:
            The poison, and numbers to report: rounds that exchanged something, and how many samples all of them did.
        """
        state, total, done, replaced = self._judged(start), rounds * self._steps, 0, 0
        self._report(state, 0, total, observe)
        for k in range(rounds):
            rows, y = self._best_pairs(state.probe.theta, state.q, self._n_atoms)
            part = part_of(observe, k, rounds)
            atoms, gain = self.climbed(rows, y, state, partial(self._count, part))
            after, count = self._improved(state, atoms, gain, max(1, 2 * self._plan.n_poison // (k + 3)))
            self._report(after, (k + 1) * self._steps, total, observe)
            if not count:
                break
            state, done, replaced = after, k + 1, replaced + count
        return state.poison, {"rounds": done, "exchanged": replaced}

    def climbed(self, rows: Tensor, y: Tensor, state: State, step_done: Callable[[int], None]) -> tuple[Poison, Tensor]:
        """Atoms: images that climb their influence on the outer loss, with the head frozen.

        Args:
            rows: (k,) base images, from which they start.
            y: (k,) labels.
            state: the head, and q at it.
            step_done: is called with the number of steps done, before each.

        Returns:
            Of each atom the iterate of largest influence that passes the filter, and its influence (k,); -inf where
            none passes.
        """
        theta, q = state.probe.theta, state.q
        atoms, most = Poison.real(self._scene, rows, y), q.new_full((len(rows),), -torch.inf)
        x, z = atoms.x.clone(), atoms.z.clone()
        parts = Canvas(self._scene.pipeline, atoms.x, self._plan.feasible, y).chunks()
        for i, (part_rows, part) in enumerate(parts):
            ascent = Ascent(part.base, ATOM_STEP, self._steps, part.project)
            for step in range(self._steps + 1):
                step_done((i * self._steps + step) // len(parts))
                features, pull = part.forward(ascent.x)
                gain = self._ranked(influences(theta, q, features).gather(1, part.y[:, None])[:, 0], features, part.y)
                better = gain > most[part_rows]
                most[part_rows] = torch.where(better, gain, most[part_rows])
                x[part_rows] = torch.where(better[:, None, None, None], ascent.x, x[part_rows])
                z[part_rows] = torch.where(better[:, None], features, z[part_rows])
                if step < self._steps:
                    p = torch.softmax(head.logits(theta, features), dim=1)
                    ascent.step(pull(pullback(theta, features.double(), p, part.y, q, -1.0)))
        return Poison(rows, y, x, z), most

    def _best_pairs(self, theta: Tensor, q: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k pairs of real image and label of largest influence: rows (k,) and labels (k,)."""
        rank = rank_by_passing(influences(theta, q, self._scene.z), self._plan.feasible.filter)
        pairs = rank.masked_fill(~self._allowed, -torch.inf).flatten().topk(k).indices
        return pairs // self._scene.n_classes, pairs % self._scene.n_classes

    def _improved(self, state: State, atoms: Poison, gain: Tensor, most: int) -> tuple[State, int]:
        """The state after the largest exchange that improves it, and how many samples that exchanges.

        Args:
            state: before.
            atoms, gain: see `climbed`.
            most: number of samples that are tried first; halved while it improves nothing.
        """
        poison = state.poison
        own = influences(state.probe.theta, state.q, poison.z).gather(1, poison.y[:, None])[:, 0]
        weakest = self._ranked(own, poison.z, poison.y).argsort(stable=True)
        strongest = gain.argsort(descending=True, stable=True)
        count = min(most, int(gain.isfinite().sum()))
        while count:
            tried = self._judged(poison.exchanged(weakest[:count], atoms, strongest[:count]))
            if tried.rank > state.rank:
                return tried, count
            count //= 2
        return state, 0

    def _judged(self, poison: Poison) -> State:
        self._damage.relabel(poison.y)
        probe = self._damage.probe(
            poison.z.double(), tol=HEAD_TOLERANCE, cg_tol=RESPONSE_TOLERANCE, damping=self._damping
        )
        assert self._damage.q is not None
        failing = int(self._ranked(probe.gradient[:, 0], poison.z, poison.y).isneginf().sum())
        return State(poison, probe, self._damage.q.double(), failing)

    def _ranked(self, influence: Tensor, z: Tensor, y: Tensor) -> Tensor:
        """Influences (k,) of samples with features (k, d) and labels (k,); -inf for those that fail the filter."""
        if (filter_ := self._plan.feasible.filter) is None:
            return influence
        return influence.masked_fill(filter_.excess(z, y) > TOLERANCE, -torch.inf)

    def _count(self, observe: Observer, step: int) -> None:
        observe(Event(STAGE, step, self._steps))

    def _report(self, state: State, done: int, total: int, observe: Observer) -> None:
        values = {"train_accuracy": state.probe.train_accuracy, "damage": state.probe.damage}
        observe(Event(STAGE, done, total, values, partial(self._shown, state)))

    def _shown(self, state: State) -> Snapshot:
        poison = state.poison
        x = self._plan.feasible.eight_bit(poison.x, self._scene.images[poison.base])
        return Snapshot(state.probe.theta, poison.z, x, poison.y, base=poison.base, labels=poison.y)
