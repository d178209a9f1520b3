"""How a run came about: snapshots of heads, features and images during each stage, each with its test accuracy.

An attack shows what it has so far with its events. A `Trail` keeps a few of these snapshots, evenly spread over stages
whose lengths nobody knows beforehand; the run judges them when the attack is over, so that no attacker learns what
comes out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.experiments.result import to_uint8
from core.experiments.summary import TrajectoryStep
from core.heads.scores import Score
from core.spec.events import SNAPSHOTS, Event, Snapshot
from core.system.arrays import Array

PATH = ("clean", "target", "stage2", "invert", "pixels", "poison")
"""Stages of a walk in order: the clean head, those of attacks (`core.spec.events.STAGES`), what the defender gets."""
FOLLOWED = 60
"""Poisoned samples that are followed on the map at most: the first ones."""
PICTURED = 12
"""Poisoned samples whose images are kept in each snapshot."""
MOST_NUMBERS = 2_000_000
"""Features of all poison together, above which no snapshots are kept."""


@dataclass(frozen=True)
class Kept:
    """A snapshot that a trail keeps.

    Attributes:
        done: steps of its stage until then.
        snapshot: what the attack had; of its images the first few, in `pictures` (k, C, H, W) uint8.
    """

    done: int
    snapshot: Snapshot
    pictures: Array | None


@dataclass
class _Thinned:
    """Every k-th of the snapshots that come; k doubles whenever too many are kept."""

    every: int = 1
    seen: int = 0
    first: int = 0
    last: int = 0
    kept: list[Kept] = field(default_factory=list)

    def add(self, done: int, show: Callable[[], Snapshot]) -> None:
        if self.seen == 0:
            self.first = done
        if self.seen % self.every == 0:
            self._keep(done - self.first, show())
        self.seen += 1
        self.last = done - self.first

    def _keep(self, done: int, snapshot: Snapshot) -> None:
        if snapshot.z is not None and snapshot.z.numel() > MOST_NUMBERS:
            return
        x = snapshot.x
        pictures = None if x is None else to_uint8(x[:PICTURED].detach().cpu().numpy())
        # A copy: attacks move their poison in place.
        z = None if snapshot.z is None else snapshot.z.detach().clone()
        self.kept.append(Kept(done, Snapshot(snapshot.theta, z), pictures))
        if len(self.kept) > 2 * SNAPSHOTS:
            self.every *= 2
            self.kept = self.kept[::2]


@dataclass
class Trail:
    """An observer that keeps snapshots of every stage, and of every target that is tried."""

    _parts: dict[tuple[str, int], _Thinned] = field(default_factory=dict)
    _heads: dict[int, Tensor] = field(default_factory=dict)
    _target: int = 0

    def __call__(self, event: Event) -> None:
        """Keep the event's snapshot, if it has one and its turn has come."""
        if event.snapshot is None:
            return
        self._parts.setdefault((event.stage, event.target), _Thinned()).add(event.done, event.snapshot)
        theta = event.snapshot().theta if event.stage == "target" else None
        if theta is not None:
            self._heads[event.target] = theta

    def settle(self, theta: Tensor | None) -> None:
        """Follow the target that the attack has kept, (c, d + 1), from now on."""
        if theta is not None:
            self._target = next((i for i, head in self._heads.items() if torch.equal(head, theta)), 0)

    def of(self, stage: str) -> list[Kept]:
        """At most `SNAPSHOTS` + 1 snapshots of a stage, evenly spread; the last one need not be the stage's end.

        Where several targets were tried they are of the one that is followed.
        """
        part = self._part(stage)
        if part is None or not part.kept:
            return []
        rows = np.unique(np.linspace(0, len(part.kept) - 1, SNAPSHOTS + 1).round().astype(int))
        return [part.kept[row] for row in rows]

    def __len__(self) -> int:
        """How many snapshots there are to judge."""
        return sum(len(self.of(stage)) for stage in PATH)

    def length(self, stage: str) -> int:
        """Steps that a stage took."""
        part = self._part(stage)
        return 0 if part is None else part.last

    def _part(self, stage: str) -> _Thinned | None:
        return self._parts.get((stage, self._target)) or self._parts.get((stage, 0))


@dataclass(frozen=True)
class Step:
    """One step of the walk.

    Attributes:
        stage: one of `PATH`.
        done: steps of its stage until then.
        accuracy: fraction of the test set: of the head itself in the stages "clean" and "target", of the head retrained
            with the poison so far in all others.
        z: (k, d) features of the first poisons; None in stages without.
        pictures: (k, C, H, W) uint8 images of the first poisons; None in stages without.
    """

    stage: str
    done: int
    accuracy: float
    z: Array | None = None
    pictures: Array | None = None

    def summary(self) -> TrajectoryStep:
        """What result.json holds of it."""
        return TrajectoryStep(self.stage, self.done, self.accuracy)


def judged(
    trail: Trail,
    ends: Mapping[str, Step],
    retrain: Callable[[Tensor, Tensor | None], Tensor],
    accuracy: Callable[[Tensor], float],
) -> Iterator[Step]:
    """The steps of an attack in order, each judged as the end of a run would be.

    Args:
        ends: how stages ended, as judged before; instead of what the trail has of that.
        retrain: from features (m, d) of poison, and a head to begin at, to the head retrained with them.
        accuracy: of a head on the test set.
    """
    near: Tensor | None = None
    for stage in PATH:
        for kept in trail.of(stage):
            if stage in ends and kept.done == trail.length(stage):
                continue
            theta, z = kept.snapshot.theta, kept.snapshot.z
            if z is not None:
                near = theta = retrain(z.float(), near if theta is None else theta)
            assert theta is not None
            yield Step(stage, kept.done, accuracy(theta), first(z), kept.pictures)
        if stage in ends:
            yield ends[stage]


def end(stage: str, score: Score, trail: Trail, z: Array | None = None, x: Array | None = None) -> Step:
    """The end of a stage, from what the run has found of it."""
    pictures = None if x is None else to_uint8(x[:PICTURED])
    return Step(stage, trail.length(stage), score.accuracy, None if z is None else z[:FOLLOWED], pictures)


def first(z: Tensor | None) -> Array | None:
    """The features of the poisons that are followed."""
    return None if z is None else z[:FOLLOWED].float().cpu().numpy()
