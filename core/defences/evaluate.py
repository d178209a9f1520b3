"""What a chain of defences is worth on one poisoned training set, judged by someone who knows the poison."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from core.defences.base import TrainingSet, Verdict
from core.defences.registry import build
from core.result import Array, Score
from core.run import Evaluator

RANDOM_DRAWS = 5
"""Random filters that the baseline is the mean of."""


@dataclass(frozen=True)
class Found:
    """What one defence of a chain, or the whole of it, has removed.

    Attributes:
        name: of the defence; "" of the whole chain.
        removed: rows of the training set, clean points first, then poison.
        n_poison, n_clean: of what it was given.
        found: poison among the removed.
        auc: area under the ROC curve of its suspicion; None for a chain, and where it was given no poison.
    """

    name: str
    removed: list[int]
    n_poison: int
    n_clean: int
    found: int
    auc: float | None

    @property
    def precision(self) -> float:
        """Of what was removed, the share that is poison; 0 where nothing was."""
        return self.found / len(self.removed) if self.removed else 0.0

    @property
    def recall(self) -> float:
        """Of the poison, the share that was removed; 0 where there was none."""
        return self.found / self.n_poison if self.n_poison else 0.0

    @property
    def clean_lost(self) -> int:
        """Clean points that were removed."""
        return len(self.removed) - self.found


@dataclass(frozen=True)
class Defended:
    """A chain of defences on one run.

    Attributes:
        clean: the head of the clean points, which is what a perfect filter would give.
        poisoned: the head of the whole training set.
        defended: the head of what the chain keeps.
        random: mean accuracy of heads without as many points, drawn at random.
        steps: each defence in turn.
        whole: all of them together.
    """

    clean: Score
    poisoned: Score
    defended: Score
    random: float
    steps: list[Found]
    whole: Found

    @property
    def regained(self) -> float:
        """Points of test accuracy that the chain gives back; negative where it costs more than it saves."""
        return 100 * (self.defended.accuracy - self.poisoned.accuracy)

    def summary(self) -> dict[str, Any]:
        """Plain data."""
        steps = [_told(one) for one in self.steps]
        scores = {name: asdict(getattr(self, name)) for name in ("clean", "poisoned", "defended")}
        return {**scores, "random": self.random, "regained": self.regained, "steps": steps, "whole": _told(self.whole)}


def _told(found: Found) -> dict[str, Any]:
    return {
        **asdict(found),
        "precision": found.precision,
        "recall": found.recall,
        "clean_lost": found.clean_lost,
    }


Tell = Callable[[int, int], None]
"""Told (defences done, defences in all)."""


def defend(
    features: Mapping[str, Array],
    chain: Sequence[Any],
    n_classes: int,
    ridge: float,
    *,
    device: torch.device | None = None,
    seed: int = 0,
    tell: Tell = lambda done, total: None,
) -> Defended:
    """Let defences go over a poisoned training set, one after another, and train the head on what is left.

    Args:
        features: a run's `train_z`, `train_y`, `poison_z`, `poison_y`, `test_z` and `test_y`.
        chain: specs of defences; none at all keeps everything.
        seed: of the order in which a defence gets the points, and of the random filters.
    """
    place = device or torch.device("cpu")
    train_z, poison_z, test_z = (_on(features[f"{name}_z"], place).float() for name in ("train", "poison", "test"))
    train_y, poison_y, test_y = (_on(features[f"{name}_y"], place).long() for name in ("train", "poison", "test"))
    evaluate = Evaluator(train_z, train_y, test_z, test_y, n_classes, ridge)
    clean_head = evaluate.retrain()
    poisoned_head = evaluate.retrain(poison_z, poison_y, clean_head)
    data = TrainingSet(torch.cat([train_z, poison_z]), torch.cat([train_y, poison_y]), n_classes, ridge)
    is_poison = torch.arange(len(data.y), device=place) >= len(train_y)
    draw = torch.Generator().manual_seed(seed)
    kept, steps = torch.arange(len(data.y), device=place), []
    for done, spec in enumerate(chain):
        tell(done, len(chain))
        verdict = _shuffled(TrainingSet(data.z[kept], data.y[kept], n_classes, ridge), build(spec).judge, draw)
        steps.append(_found(spec.name, kept, ~verdict.keep, is_poison[kept], verdict.suspicion))
        kept = kept[verdict.keep]
    tell(len(chain), len(chain))
    gone = torch.ones_like(is_poison)
    gone[kept] = False
    everything = torch.arange(len(data.y), device=place)
    theta = data.fit(kept, poisoned_head) if len(kept) < len(data.y) else poisoned_head
    randoms = []
    for _ in range(RANDOM_DRAWS if len(kept) < len(data.y) else 0):
        rows = torch.randperm(len(data.y), generator=draw)[: len(kept)].to(place)
        randoms.append(evaluate.score(data.fit(rows, poisoned_head)).accuracy)
    poisoned = evaluate.score(poisoned_head, clean_head)
    return Defended(
        clean=evaluate.score(clean_head),
        poisoned=poisoned,
        defended=evaluate.score(theta, clean_head),
        random=float(np.mean(randoms)) if randoms else poisoned.accuracy,
        steps=steps,
        whole=_found("", everything, gone, is_poison, None),
    )


def _shuffled(data: TrainingSet, judge: Callable[[TrainingSet], Verdict], draw: torch.Generator) -> Verdict:
    """Let a defence judge points in random order: their places must not tell it which are poison."""
    order = torch.randperm(len(data.y), generator=draw).to(data.y.device)
    verdict = judge(TrainingSet(data.z[order], data.y[order], data.n_classes, data.ridge))
    keep, suspicion = torch.empty_like(verdict.keep), torch.empty_like(verdict.suspicion)
    keep[order], suspicion[order] = verdict.keep, verdict.suspicion
    return Verdict(keep, suspicion)


def _found(name: str, rows: Tensor, gone: Tensor, is_poison: Tensor, suspicion: Tensor | None) -> Found:
    n_poison = int(is_poison.sum())
    auc = None
    if suspicion is not None and 0 < n_poison < len(rows):
        auc = float(roc_auc_score(is_poison.cpu().numpy(), suspicion.cpu().numpy()))
    return Found(
        name=name,
        removed=rows[gone].tolist(),
        n_poison=n_poison,
        n_clean=len(rows) - n_poison,
        found=int((gone & is_poison).sum()),
        auc=auc,
    )


def _on(array: Array, place: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(place)
