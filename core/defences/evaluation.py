"""Evaluation of a chain of defences on one poisoned training set, with knowledge of which points are poisoned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from core.defences.algorithms.base import TrainingSet, Verdict
from core.defences.execution import judge
from core.defences.settings import DefenceSettings
from core.defences.verdict import DefenceStep, DefenceVerdict
from core.heads.evaluation import Evaluator
from core.heads.scores import Score
from core.system import device as devices
from core.system.arrays import Array

RANDOM_DRAWS = 5
"""Number of random filters that the baseline averages over."""


ReportProgress = Callable[[int, int], None]
"""Called with (defences done, defences in all)."""


def defend(
    features: Mapping[str, Array],
    chain: Sequence[DefenceSettings],
    n_classes: int,
    ridge: float,
    *,
    device: torch.device | None = None,
    seed: int = 0,
    report: ReportProgress = lambda done, total: None,
) -> DefenceVerdict:
    """Evaluate a chain of defences on a run.

    Args:
        features: of a run, (n, d) features and (n,) labels of each part, see `Poisoned.of`.
        chain: the defences, in order.
        n_classes: c.
        ridge: λ of the head.
        device: where to compute; None: the CPU.
        seed, report: see `Poisoned.defended`.
    """
    return Poisoned.of(features, n_classes, ridge, device).defended(chain, seed=seed, report=report)


@dataclass(frozen=True)
class Poisoned:
    """A poisoned training set with its evaluation; the heads without a filter are solved once.

    Attributes:
        data: clean points, then poisoned ones.
        n_clean: number of clean points.
        evaluate: knows the clean points and the test set.
    """

    data: TrainingSet
    n_clean: int
    evaluate: Evaluator

    @classmethod
    def of(
        cls, features: Mapping[str, Array], n_classes: int, ridge: float, device: torch.device | None = None
    ) -> "Poisoned":
        """The poisoned training set of a run.

        Args:
            features: the run's `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,), `test_z` (t, d)
                and `test_y` (t,).
            n_classes: c.
            ridge: λ of the head.
            device: where to compute; None: the CPU.
        """
        a = devices.tensors(features, device or torch.device("cpu"))
        z, y = torch.cat([a["train_z"], a["poison_z"]]), torch.cat([a["train_y"], a["poison_y"]])
        evaluator = Evaluator(a["train_z"], a["train_y"], a["test_z"], a["test_y"], n_classes, ridge)
        return cls(TrainingSet(z, y, n_classes, ridge), len(a["train_y"]), evaluator)

    @cached_property
    def is_poison(self) -> Tensor:
        """(N,) bool: whether a point is poisoned."""
        return torch.arange(len(self.data.y), device=self.data.y.device) >= self.n_clean

    @cached_property
    def clean_head(self) -> Tensor:
        """(c, d + 1) head of the clean points, the result of a perfect filter."""
        return self.evaluate.retrain()

    @cached_property
    def poisoned_head(self) -> Tensor:
        """(c, d + 1) head of all points, the result without a filter."""
        return self.data.fit(start=self.clean_head)

    @cached_property
    def unfiltered(self) -> tuple[Score, Score]:
        """The scores of the clean and of the poisoned head."""
        return self.evaluate.score(self.clean_head), self.evaluate.score(self.poisoned_head, self.clean_head)

    def defended(
        self,
        chain: Sequence[DefenceSettings],
        *,
        seed: int = 0,
        n_random: int = RANDOM_DRAWS,
        report: ReportProgress = lambda done, total: None,
    ) -> DefenceVerdict:
        """Apply defences one after another, and train the head on the points that are left.

        Args:
            chain: the defences, in order; an empty chain keeps all points.
            seed: of the order in which defences get the points, and of the random filters.
            n_random: number of random filters; with 0, their accuracy is that of the poisoned head.
            report: called with (defences done, total).
        """
        data, is_poison, score = self.data, self.is_poison, self.evaluate.score
        draw = torch.Generator().manual_seed(seed)
        everything = torch.arange(len(data.y), device=data.y.device)
        kept, steps = everything, list[DefenceStep]()
        for done, spec in enumerate(chain):
            report(done, len(chain))
            left = TrainingSet(data.z[kept], data.y[kept], data.n_classes, data.ridge)
            verdict = _shuffled(left, spec, draw)
            steps.append(_step(spec.name, kept, ~verdict.keep, is_poison[kept], verdict.suspicion))
            kept = kept[verdict.keep]
        report(len(chain), len(chain))
        removed = torch.ones_like(is_poison)
        removed[kept] = False
        is_filtered = len(kept) < len(data.y)
        theta = data.fit(kept, self.poisoned_head) if is_filtered else self.poisoned_head
        accuracies = []
        for _ in range(n_random if is_filtered else 0):
            rows = torch.randperm(len(data.y), generator=draw)[: len(kept)].to(data.y.device)
            accuracies.append(score(data.fit(rows, self.poisoned_head)).accuracy)
        clean, poisoned = self.unfiltered
        return DefenceVerdict(
            clean=clean,
            poisoned=poisoned,
            defended=score(theta, self.clean_head),
            random=float(np.mean(accuracies)) if accuracies else poisoned.accuracy,
            steps=tuple(steps),
            whole=_step("", everything, removed, is_poison, None),
        )


def _shuffled(data: TrainingSet, defence: DefenceSettings, draw: torch.Generator) -> Verdict:
    """The verdict of a defence that gets the points in random order, so that it can't tell poison by its position."""
    order = torch.randperm(len(data.y), generator=draw).to(data.y.device)
    verdict = judge(defence, TrainingSet(data.z[order], data.y[order], data.n_classes, data.ridge))
    keep, suspicion = torch.empty_like(verdict.keep), torch.empty_like(verdict.suspicion)
    keep[order], suspicion[order] = verdict.keep, verdict.suspicion
    return Verdict(keep, suspicion)


def _step(name: str, rows: Tensor, removed: Tensor, is_poison: Tensor, suspicion: Tensor | None) -> DefenceStep:
    """What one defence has removed of the rows (k,) int64 it was given; `removed` and `is_poison` are (k,) bool."""
    n_poison = int(is_poison.sum())
    auc = None
    if suspicion is not None and 0 < n_poison < len(rows):
        auc = float(roc_auc_score(is_poison.cpu().numpy(), suspicion.cpu().numpy()))
    return DefenceStep(
        name=name,
        removed=tuple(rows[removed].tolist()),
        n_poison=n_poison,
        n_clean=len(rows) - n_poison,
        poison_removed=int((removed & is_poison).sum()),
        auc=auc,
    )
