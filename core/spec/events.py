"""The events that a run reports to its observers.

Algorithms know nothing of progress bars, curves or cancelling: they call an `Observer` and go on. An
observer that wants the run to stop raises `core.system.errors.Cancelled`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # code that only shows progress need not import torch
    from torch import Tensor

    from core.spec.preview import Preview

STAGES: dict[str, str] = {
    "load": "Loading data and extractor",
    "extract": "Extracting features",
    "clean": "Training the clean head",
    "target": "Choosing target parameters",
    "stage2": "Optimising poisoned features",
    "decoder": "Training the decoder",
    "invert": "Turning features into images",
    "exchange": "Exchanging poisoned samples of least influence",
    "pixels": "Optimising pixels on the head itself",
    "evaluate": "Retraining the head on the poisoned set",
    "walk": "Evaluating the steps of the attack",
    "map": "Placing poison on the map",
}
"""Stages in the order in which they run, with the text that the user reads."""

QUEUED, WAITING = "Queued", "Waiting"
"""How the user reads that no worker has begun: others come first, or there is none."""


SNAPSHOTS = 4
"""Intervals between the snapshots that a trajectory keeps of a stage: see `core.experiments.trajectory`."""


@dataclass(frozen=True)
class Snapshot:
    """The current state of an attack: what it would return if its stage ended now.

    Attributes:
        theta: (c, d + 1) the target, or a head close to the one retrained with the poison.
        z: (m, d) features of the poisoned samples, if there are any yet.
        x: (m, C, H, W) their images as they would be exported, if there are any yet.
        y: (m,) their labels, where they are not yet those that the attack ends with.
        base: (m,) rows of the base points that they are made from at present; None for those of the attack's plan.
        labels: (m,) the labels that they have at present; None for those of the attack's plan.
    """

    theta: "Tensor | None" = None
    z: "Tensor | None" = None
    x: "Tensor | None" = None
    y: "Tensor | None" = None
    base: "Tensor | None" = None
    labels: "Tensor | None" = None


@dataclass(frozen=True)
class Event:
    """One step of progress.

    Attributes:
        stage: a key of `STAGES`.
        done, total: steps finished and steps in this stage; `total` 0 means unknown.
        values: named numbers at this step, e.g. `{"train_accuracy": 0.93, "objective": 1.2}`;
            accuracies are fractions in [0, 1].
        snapshot: takes a snapshot of the attack; valid only while the event is being handled, and never leaves the
            process.
        target: index of the target that the step aims at, or of the start that it began from, where several are tried.
        preview: makes what people may see of the snapshot; set by the run, and valid only while the event is handled.
    """

    stage: str
    done: int = 0
    total: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    snapshot: Callable[[], Snapshot] | None = field(default=None, repr=False, compare=False)
    target: int = 0
    preview: "Callable[[], Preview | None] | None" = field(default=None, repr=False, compare=False)


Observer = Callable[[Event], None]


def silent(event: Event) -> None:
    """The observer that ignores everything."""


def for_target(observe: Observer, target: int) -> Observer:
    """An observer that labels every event with the index of the target it belongs to."""
    return lambda event: observe(replace(event, target=target))


def part_of(observe: Observer, i: int, parts: int) -> Observer:
    """An observer for part i of a stage that has several equal parts: steps count through the whole stage.

    Args:
        observe: receives the events.
        i: index of the part.
        parts: number of parts.
    """
    return lambda event: observe(replace(event, done=i * event.total + event.done, total=parts * event.total))


def made_from(observe: Observer, base: "Tensor", labels: "Tensor") -> Observer:
    """An observer that completes snapshots, where they do not say it, by what the poison is made from.

    Args:
        observe: receives the events.
        base: (m,) rows of the base points.
        labels: (m,) labels of the poison.
    """

    def completed(show: Callable[[], Snapshot]) -> Snapshot:
        snapshot = show()
        return replace(
            snapshot,
            base=base if snapshot.base is None else snapshot.base,
            labels=labels if snapshot.labels is None else snapshot.labels,
        )

    def pass_on(event: Event) -> None:
        show = event.snapshot
        observe(event if show is None else replace(event, snapshot=lambda: completed(show)))

    return pass_on
