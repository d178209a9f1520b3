"""The trajectory of a run: heads, features and images at a few steps of each stage, each with its test accuracy.

An attack attaches its current state to its events. A `TrajectoryRecorder` keeps a few of these states, evenly spread
over stages of unknown length. They are evaluated after the attack has finished, so that no attack sees test accuracy.
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

PATH = ("clean", "target", "stage2", "invert", "exchange", "pixels", "poison")
"""Stages of a trajectory in order: the clean head, stages of attacks (`core.spec.events.STAGES`), the final poison."""
TRACKED_SAMPLES = 60
"""Poisoned samples whose features are recorded: the first ones."""
IMAGE_SAMPLES = 12
"""Poisoned samples whose images are recorded: the first ones."""
MAX_FEATURE_VALUES = 2_000_000
"""Numbers in the poison's feature matrix above which nothing is recorded."""


@dataclass(frozen=True)
class RecordedState:
    """A recorded state of an attack.

    Attributes:
        done: steps of the stage so far.
        moment: head and features of the attack, without images.
        pictures: (k, C, H, W) uint8, images of the first k samples; None without images.
    """

    done: int
    snapshot: Snapshot
    pictures: Array | None


@dataclass
class _ThinnedStates:
    """Every k-th state of a stage; k doubles whenever too many are recorded."""

    every: int = 1
    seen: int = 0
    first: int = 0
    last: int = 0
    recorded: list[RecordedState] = field(default_factory=list)

    def add(self, done: int, show: Callable[[], Snapshot]) -> None:
        if self.seen == 0:
            self.first = done
        if self.seen % self.every == 0:
            self._record(done - self.first, show())
        self.seen += 1
        self.last = done - self.first

    def _record(self, done: int, snapshot: Snapshot) -> None:
        if snapshot.z is not None and snapshot.z.numel() > MAX_FEATURE_VALUES:
            return
        x = snapshot.x
        pictures = None if x is None else to_uint8(x[:IMAGE_SAMPLES].detach().cpu().numpy())
        # A copy: attacks update their poison in place.
        z = None if snapshot.z is None else snapshot.z.detach().clone()
        y = None if snapshot.y is None else snapshot.y.clone()
        self.recorded.append(RecordedState(done, Snapshot(snapshot.theta, z, y=y), pictures))
        if len(self.recorded) > 2 * SNAPSHOTS:
            self.every *= 2
            self.recorded = self.recorded[::2]


@dataclass
class TrajectoryRecorder:
    """An observer that records states of every stage, for every target that is tried."""

    _parts: dict[tuple[str, int], _ThinnedStates] = field(default_factory=dict)
    _heads: dict[int, Tensor] = field(default_factory=dict)
    _target: int = 0

    def __call__(self, event: Event) -> None:
        """Record the state of an event, if it has one that is due."""
        if event.snapshot is None:
            return
        self._parts.setdefault((event.stage, event.target), _ThinnedStates()).add(event.done, event.snapshot)
        theta = event.snapshot().theta if event.stage == "target" else None
        if theta is not None:
            self._heads[event.target] = theta

    def follow(self, theta: Tensor | None, index: int = 0) -> None:
        """Select the try that the attack has kept; `states` are of this one from now on.

        Args:
            theta: (c, d + 1) the target head that it has chosen; None without targets.
            index: of the try, where there are several without targets; see `core.spec.events.Event.target`.
        """
        if theta is None:
            self._target = index
        else:
            self._target = next((i for i, head in self._heads.items() if torch.equal(head, theta)), 0)

    def states(self, stage: str) -> list[RecordedState]:
        """At most `SNAPSHOTS` + 1 evenly spread states of a stage; the last one need not be the end of the stage.

        Where several targets were tried, states are of the selected one.
        """
        part = self._part(stage)
        if part is None or not part.recorded:
            return []
        rows = np.unique(np.linspace(0, len(part.recorded) - 1, SNAPSHOTS + 1).round().astype(int))
        return [part.recorded[row] for row in rows]

    def __len__(self) -> int:
        """Number of states to evaluate."""
        return sum(len(self.states(stage)) for stage in PATH)

    def n_steps(self, stage: str) -> int:
        """Number of steps that a stage took."""
        part = self._part(stage)
        return 0 if part is None else part.last

    def _part(self, stage: str) -> _ThinnedStates | None:
        return self._parts.get((stage, self._target)) or self._parts.get((stage, 0))


@dataclass(frozen=True)
class EvaluatedStep:
    """One step of the trajectory.

    Attributes:
        stage: one of `PATH`.
        done: steps of the stage so far.
        accuracy: fraction of the test set: of the head itself in the stages "clean" and "target", else of the head
            retrained with the current poison.
        z: (k, d) features of the first k poisoned samples; None in stages without.
        pictures: (k, C, H, W) uint8 images of the first k poisoned samples; None in stages without.
        y: (k,) labels of the first k poisoned samples; None where they are those of the final poison.
    """

    stage: str
    done: int
    accuracy: float
    z: Array | None = None
    pictures: Array | None = None
    y: Array | None = None

    def summary(self) -> TrajectoryStep:
        """The part that is stored in result.json."""
        return TrajectoryStep(self.stage, self.done, self.accuracy)


def evaluate_steps(
    recorder: TrajectoryRecorder,
    ends: Mapping[str, EvaluatedStep],
    retrain: Callable[[Tensor, Tensor | None, Tensor | None], Tensor],
    accuracy: Callable[[Tensor], float],
) -> Iterator[EvaluatedStep]:
    """Evaluate the recorded states in order, each in the same way as the final result.

    Args:
        recorder: holds the states.
        ends: final steps of stages that are already evaluated; they replace the recorded ones.
        retrain: maps features (m, d) of the poison, its labels (m,), None for those of the final poison, and a head
            (c, d + 1) to start from to the retrained head.
        accuracy: maps a head (c, d + 1) to its accuracy on the test set.
    """
    start: Tensor | None = None
    for stage in PATH:
        for state in recorder.states(stage):
            if stage in ends and state.done == recorder.n_steps(stage):
                continue
            theta, z, y = state.snapshot.theta, state.snapshot.z, state.snapshot.y
            if z is not None:
                start = theta = retrain(z.float(), y, start if theta is None else theta)
            assert theta is not None
            labels = None if y is None else y[:TRACKED_SAMPLES].cpu().numpy()
            yield EvaluatedStep(stage, state.done, accuracy(theta), tracked_features(z), state.pictures, labels)
        if stage in ends:
            yield ends[stage]


def stage_end(
    stage: str, score: Score, recorder: TrajectoryRecorder, z: Array | None = None, x: Array | None = None
) -> EvaluatedStep:
    """The final step of a stage, from its known score.

    Args:
        stage: one of `PATH`.
        score: of the stage's head.
        recorder: knows how many steps the stage took.
        z: (m, d) features of the poison.
        x: (m, C, H, W) images of the poison in [0, 1].
    """
    pictures = None if x is None else to_uint8(x[:IMAGE_SAMPLES])
    return EvaluatedStep(
        stage, recorder.n_steps(stage), score.accuracy, None if z is None else z[:TRACKED_SAMPLES], pictures
    )


def tracked_features(z: Tensor | None) -> Array | None:
    """The first `TRACKED_SAMPLES` rows of features (m, d)."""
    return None if z is None else z[:TRACKED_SAMPLES].float().cpu().numpy()
