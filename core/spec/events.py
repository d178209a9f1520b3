"""What a run tells its observers while it works.

Algorithms know nothing of progress bars, curves or cancelling: they call an `Observer` and go on. An
observer that wants the run to stop raises `core.system.errors.Cancelled`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only shows progress does not wait for torch
    from torch import Tensor

STAGES: dict[str, str] = {
    "load": "Loading data and extractor",
    "extract": "Extracting features",
    "clean": "Training the clean head",
    "target": "Choosing target parameters",
    "stage2": "Optimising poisoned features",
    "decoder": "Training the decoder",
    "invert": "Turning features into images",
    "pixels": "Optimising pixels on the head itself",
    "evaluate": "Retraining the head on the poisoned set",
    "walk": "Judging the steps of the attack",
    "map": "Placing poison on the map",
}
"""Stages in the order in which they run, with the words that a person reads."""


MOMENTS = 4
"""Parts that the walk through a run cuts a stage into: see `core.experiments.trajectory`."""


@dataclass(frozen=True)
class Moment:
    """What an attack has so far: what it would hand back if its stage ended now.

    Attributes:
        theta: (c, d + 1) the target, or a head that is near the one retrained with the poison.
        z: (m, d) features of the poison, where there is any yet.
        x: (m, C, H, W) its images as they would be exported, where there are any yet.
    """

    theta: "Tensor | None" = None
    z: "Tensor | None" = None
    x: "Tensor | None" = None


@dataclass(frozen=True)
class Event:
    """One step of progress.

    Attributes:
        stage: a key of `STAGES`.
        done, total: steps finished and steps in this stage; `total` 0 means unknown.
        values: named numbers at this step, e.g. `{"train_accuracy": 0.93, "objective": 1.2}`;
            accuracies are fractions in [0, 1].
        moment: gives what the attack has so far, while the event is told; never leaves the process.
        target: which of several targets the step aims at.
    """

    stage: str
    done: int = 0
    total: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    moment: Callable[[], Moment] | None = field(default=None, repr=False, compare=False)
    target: int = 0


Observer = Callable[[Event], None]


def silent(event: Event) -> None:
    """The observer that ignores everything."""


def aimed(observe: Observer, target: int) -> Observer:
    """An observer of what aims at one of several targets."""
    return lambda event: observe(replace(event, target=target))


def part_of(observe: Observer, i: int, parts: int) -> Observer:
    """An observer of the i-th of several equal parts of a stage, which counts through all of them."""
    return lambda event: observe(replace(event, done=i * event.total + event.done, total=parts * event.total))
