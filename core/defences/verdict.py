"""What a chain of defences is worth on one run, as numbers in one typed form. Free of torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.heads.scores import Score


@dataclass(frozen=True)
class DefenceStep:
    """What one defence of a chain, or the whole of it, has removed.

    Attributes:
        name: of the defence; "" of the whole chain.
        removed: rows of the training set, clean points first, then poison.
        n_poison, n_clean: poisoned and clean points of what it was given.
        poison_removed: poisoned points among the removed.
        auc: area under the ROC curve of its suspicion; None for a chain, and where it was given no poison.
    """

    name: str
    removed: tuple[int, ...]
    n_poison: int
    n_clean: int
    poison_removed: int
    auc: float | None

    @property
    def precision(self) -> float:
        """Of what was removed, the share that is poison; 0 where nothing was."""
        return self.poison_removed / len(self.removed) if self.removed else 0.0

    @property
    def recall(self) -> float:
        """Of the poison, the share that was removed; 0 where there was none."""
        return self.poison_removed / self.n_poison if self.n_poison else 0.0

    @property
    def clean_lost(self) -> int:
        """Clean points that were removed."""
        return len(self.removed) - self.poison_removed

    @classmethod
    def from_json(cls, step: Mapping[str, Any]) -> "DefenceStep":
        """Read what `to_json` has written.

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
        """Plain data, with what follows from it."""
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
    """A chain of defences on one run.

    Attributes:
        clean: of the head of the clean points, which is what a perfect filter would give.
        poisoned: of the head of the whole training set.
        defended: of the head of what the chain keeps.
        random: mean accuracy of heads without as many points, drawn at random.
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
        """Points of test accuracy that the chain gives back; negative where it costs more than it saves."""
        return 100 * (self.defended.accuracy - self.poisoned.accuracy)

    @classmethod
    def from_json(cls, verdict: Mapping[str, Any]) -> "DefenceVerdict":
        """Read what `to_json` has written.

        Raises:
            KeyError: a number is missing.
        """
        return cls(
            clean=Score(**verdict["clean"]),
            poisoned=Score(**verdict["poisoned"]),
            defended=Score(**verdict["defended"]),
            random=float(verdict["random"]),
            steps=tuple(map(DefenceStep.from_json, verdict["steps"])),
            whole=DefenceStep.from_json(verdict["whole"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, with what follows from it."""
        return {
            "clean": asdict(self.clean),
            "poisoned": asdict(self.poisoned),
            "defended": asdict(self.defended),
            "random": self.random,
            "regained": self.regained,
            "steps": [step.to_json() for step in self.steps],
            "whole": self.whole.to_json(),
        }
