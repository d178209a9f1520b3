"""The typed result of evaluating a chain of defences on one run. Without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.heads.scores import Score


@dataclass(frozen=True)
class DefenceStep:
    """What one defence, or a whole chain, removed.

    Attributes:
        name: of the defence; "" for the whole chain.
        removed: rows of the training set, in which clean points come before poisoned ones.
        n_poison, n_clean: number of poisoned and clean points in its input.
        poison_removed: number of poisoned points among the removed.
        auc: area under the ROC curve of its suspicion; None for a chain, and if its input had no poison.
    """

    name: str
    removed: tuple[int, ...]
    n_poison: int
    n_clean: int
    poison_removed: int
    auc: float | None

    @property
    def precision(self) -> float:
        """Share of the removed points that are poisoned; 0 if none was removed."""
        return self.poison_removed / len(self.removed) if self.removed else 0.0

    @property
    def recall(self) -> float:
        """Share of the poisoned points that were removed; 0 if there were none."""
        return self.poison_removed / self.n_poison if self.n_poison else 0.0

    @property
    def clean_lost(self) -> int:
        """Clean points that were removed."""
        return len(self.removed) - self.poison_removed

    @classmethod
    def from_json(cls, step: Mapping[str, Any]) -> "DefenceStep":
        """Read the output of `to_json`.

        Raises:
            KeyError: a number is missing.
        """
        return cls(
            name=str(step["name"]),
            removed=tuple(step["removed"]),
            n_poison=int(step["n_poison"]),
            n_clean=int(step["n_clean"]),
            poison_removed=int(step["found"]),
            auc=step["auc"],
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, including derived numbers."""
        return {
            "name": self.name,
            "removed": list(self.removed),
            "n_poison": self.n_poison,
            "n_clean": self.n_clean,
            "found": self.poison_removed,
            "auc": self.auc,
            "precision": self.precision,
            "recall": self.recall,
            "clean_lost": self.clean_lost,
        }


@dataclass(frozen=True)
class DefenceVerdict:
    """The effect of a chain of defences on one run.

    Attributes:
        clean: score of the head of the clean points, the result of a perfect filter.
        poisoned: score of the head of the whole training set.
        defended: score of the head of the points that the chain keeps.
        random: mean accuracy of heads after removing the same number of random points.
        steps: each defence in turn.
        whole: all of them together.
    """

    clean: Score
    poisoned: Score
    defended: Score
    random: float
    steps: tuple[DefenceStep, ...]
    whole: DefenceStep

    @property
    def regained(self) -> float:
        """Percentage points of test accuracy that the chain recovers; negative if it costs more than it saves."""
        return 100 * (self.defended.accuracy - self.poisoned.accuracy)

    @classmethod
    def from_json(cls, verdict: Mapping[str, Any]) -> "DefenceVerdict":
        """Read the output of `to_json`.

        Raises:
            KeyError: a number is missing.
        """
        return cls(
            clean=Score.from_json(verdict["clean"]),
            poisoned=Score.from_json(verdict["poisoned"]),
            defended=Score.from_json(verdict["defended"]),
            random=float(verdict["random"]),
            steps=tuple(map(DefenceStep.from_json, verdict["steps"])),
            whole=DefenceStep.from_json(verdict["whole"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, including derived numbers."""
        return {
            "clean": asdict(self.clean),
            "poisoned": asdict(self.poisoned),
            "defended": asdict(self.defended),
            "random": self.random,
            "regained": self.regained,
            "steps": [step.to_json() for step in self.steps],
            "whole": self.whole.to_json(),
        }
