"""What a run tells its observers while it works.

Algorithms know nothing of progress bars, curves or cancelling: they call an `Observer` and go on. An
observer that wants the run to stop raises `core.errors.Cancelled`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

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
    "map": "Placing poison on the map",
}
"""Stages in the order in which they run, with the words that a person reads."""


@dataclass(frozen=True)
class Event:
    """One step of progress.

    Attributes:
        stage: a key of `STAGES`.
        done, total: steps finished and steps in this stage; `total` 0 means unknown.
        values: named numbers at this step, e.g. `{"train_accuracy": 0.93, "objective": 1.2}`;
            accuracies are fractions in [0, 1].
    """

    stage: str
    done: int = 0
    total: int = 0
    values: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a message between processes."""
        return asdict(self)


Observer = Callable[[Event], None]


def silent(event: Event) -> None:
    """The observer that ignores everything."""


def part_of(observe: Observer, i: int, parts: int) -> Observer:
    """An observer of the i-th of several equal parts of a stage, which counts through all of them."""
    return lambda event: observe(replace(event, done=i * event.total + event.done, total=parts * event.total))
