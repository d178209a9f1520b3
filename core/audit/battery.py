"""The measurements of an audit: one cell, defences that judge its poison, and heads that it was not made for."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from torch import Tensor

from core.audit import views
from core.audit.augmentation import augmented_head
from core.audit.folder import Row
from core.audit.plan import Cell
from core.certificates import PARTITIONS, evaluation
from core.certificates.certificate import Noise
from core.defences.algorithms.base import TrainingSet
from core.defences.algorithms.cross_validation import held_out_probabilities
from core.defences.chain import parse_chain
from core.defences.evaluation import Poisoned
from core.experiments import cost
from core.experiments.result import Result
from core.experiments.run import run
from core.heads import logistic as head
from core.heads.neighbours import nearest, neighbours
from core.spec.events import Event, Observer, silent
from core.system import device as devices
from core.system.arrays import Array

NEAR = 0.05
"""Distance to the nearest point, in medians of that distance, below which two points are near-duplicates."""
SHOWN = 20
"""Label issues and near-duplicates that are listed, the most suspicious first."""
NOISE = Noise(heads=200)
"""Of the certificate against flipped labels: fewer heads than for a single run, as an audit has little time."""
_FOLDS = 5
_NEXT = Event("evaluate")
"""What an observer gets before each piece of work that reports no steps of its own."""


def measure(
    cell: Cell, device: str = "auto", on_event: Observer = silent, is_late: Callable[[], bool] = lambda: False
) -> Row:
    """Run one cell of an audit.

    Args:
        cell: the experiment, and what to find out of its result.
        device: "auto", "cpu" or "cuda".
        on_event: receives the run's progress, and an event before each further piece of work; raises
            `core.system.errors.Cancelled` to stop it.
        is_late: asked before each further piece of work, of which none begins once it says so.

    Returns:
        Plain data: accuracies in [0, 1], and whatever the cell asks for; "is_cut" where something of that is missing.

    Raises:
        PoisonLabError: see `core.experiments.run.run`.
    """
    start = time.monotonic()
    result = run(cell.spec, on_event, device=device, with_map=False)
    cost.record(result.summary())  # the next plan on this machine knows better
    row: Row = {
        "hash": result.spec.hash,
        "attack": cell.attack,
        "is_evaded": cell.is_evaded,
        "limit": cell.limit,
        "budget": cell.spec.budget,
        "seed": cell.spec.seed,
        "clean": result.clean.accuracy,
        "poisoned": result.poisoned.accuracy,
        "clean_classes": list(result.clean.per_class),
        "poisoned_classes": list(result.poisoned.per_class),
        "classes": list(result.classes),
        "is_uneven": result.clean.is_uneven,
        "n_train": len(result.features["train_y"]),
        "n_test": len(result.features["test_y"]),
        "n_poison": len(result.poison.y),
    }
    for piece in _pieces(cell, result, row, devices.choose(device), on_event):
        if is_late():
            row["is_cut"] = True
            break
        on_event(_NEXT)
        piece()
    row["seconds"] = time.monotonic() - start
    return row


def _pieces(
    cell: Cell, result: Result, row: Row, place: torch.device, on_event: Observer
) -> Iterator[Callable[[], None]]:
    """Each piece of work that a cell asks for beyond its run; called, it adds to the row.

    Args:
        cell: see `measure`.
        result: of its run.
        row: takes what is found.
        place: where to compute.
        on_event: see `measure`.
    """
    n_classes, ridge = len(result.classes), cell.spec.ridge
    if cell.judged:
        poisoned, found = Poisoned.of(result.features, n_classes, ridge, place), dict[str, Any]()
        row["defences"] = found
        for name in cell.judged:
            yield partial(_into, found, name, partial(_judged, poisoned, name))
    if cell.judged and not cell.is_evaded:
        heads = row["heads"] = dict[str, Any]()
        for name, train in other_heads(result.features, n_classes, ridge).items():
            yield partial(_into, heads, name, train)
    if cell.augmented:
        yield partial(_into, row["heads"], views.title(cell.spec), partial(augmented_head, result, place, on_event))
    if cell.certified:
        added = partial(evaluation.added, result.features, n_classes, ridge, PARTITIONS, place)
        yield partial(_into, row, "certificate", lambda: added().to_json())
        flipped = partial(evaluation.flipped, result.features, n_classes, ridge, place, NOISE)
        yield partial(_into, row, "flips", lambda: flipped().to_json())
        yield partial(_into, row, "dirt", partial(dirt, result.features, n_classes, ridge))


def _into(found: dict[str, Any], name: str, find: Callable[[], Any]) -> None:
    found[name] = find()


def _judged(poisoned: Poisoned, name: str) -> dict[str, Any]:
    verdict = poisoned.defended(parse_chain([name]), n_random=0)
    return {
        "found": verdict.whole.poison_removed,
        "n_poison": verdict.whole.n_poison,
        "clean_lost": verdict.whole.clean_lost,
        "n_clean": verdict.whole.n_clean,
        "accuracy": verdict.defended.accuracy,
        "auc": verdict.steps[0].auc,
    }


def other_heads(
    features: Mapping[str, Array], n_classes: int, ridge: float
) -> dict[str, Callable[[], dict[str, float]]]:
    """What is left of the damage where the defender trains something that the attacker did not expect.

    Args:
        features: of a run: `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,), `test_z` (t, d) and
            `test_y` (t,).
        n_classes: c.
        ridge: λ that the attacker expects.

    Returns:
        By head, a function that trains it: the accuracy without poison under "clean" and with it under "poisoned".
    """
    z, y = features["train_z"], features["train_y"]
    both, labels = np.concatenate([z, features["poison_z"]]), np.concatenate([y, features["poison_y"]])
    test_z, test_y = features["test_z"], features["test_y"]

    def logistic(points: Array, names: Array, factor: float, *, is_normalised: bool = False) -> float:
        scale = _unit if is_normalised else (lambda values: values)
        theta = head.fit(torch.from_numpy(scale(points)), torch.from_numpy(names), n_classes, factor * ridge)
        return head.accuracy(theta, torch.from_numpy(scale(test_z)), torch.from_numpy(test_y))

    def library(model: Any, points: Array, names: Array) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of constant coordinates, and of solvers that stop early
            return float(model.fit(points, names).score(test_z, test_y))

    def svm(points: Array, names: Array) -> float:
        return library(LinearSVC(C=1 / (ridge * len(names))), points, names)

    def network(points: Array, names: Array) -> float:
        return library(MLPClassifier((64,), early_stopping=True, max_iter=100, random_state=0), points, names)

    trained: dict[str, Callable[[Array, Array], float]] = {
        "the same head": lambda points, names: logistic(points, names, 1.0),
        "λ ten times smaller": lambda points, names: logistic(points, names, 0.1),
        "λ ten times larger": lambda points, names: logistic(points, names, 10.0),
        "features of unit norm": lambda points, names: logistic(points, names, 1.0, is_normalised=True),
        "nearest class mean": lambda points, names: library(NearestCentroid(), points, names),
        "10 nearest neighbours": lambda points, names: library(KNeighborsClassifier(10), points, names),
        "linear SVM": svm,
        "small network": network,
    }

    def with_and_without(train: Callable[[Array, Array], float]) -> dict[str, float]:
        return {"clean": train(z, y), "poisoned": train(both, labels)}

    return {name: partial(with_and_without, train) for name, train in trained.items()}


def _unit(z: Array) -> Array:
    """Vectors (N, d) at norm 3, that of the others on average."""
    return np.asarray(3 * z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12), np.float32)


def dirt(features: Mapping[str, Array], n_classes: int, ridge: float) -> dict[str, Any]:
    """Label issues and near-duplicates of the clean data as it is: both look like poison.

    Args:
        features: see `other_heads`.
        n_classes: c.
        ridge: λ of the head.

    Returns:
        Counts; "issues" lists rows of the training set with their label and the one that heads without them give.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    z, y = torch.from_numpy(features["train_z"]), torch.from_numpy(features["train_y"])
    p = held_out_probabilities(TrainingSet(z, y, n_classes, ridge), _FOLDS)
    labels = features["train_y"]
    issues = find_label_issues(labels=labels, pred_probs=p, n_jobs=1)
    quality = get_label_quality_scores(labels=labels, pred_probs=p)
    worst = [int(row) for row in np.argsort(quality, kind="stable") if issues[row]][:SHOWN]
    rows, distance = neighbours(z, 1)
    _, across = nearest(torch.from_numpy(features["test_z"]), z, 1)
    typical = float(distance.median())
    near, leaked = _near(distance, typical), _near(across, typical)
    return {
        "n_issues": int(issues.sum()),
        "issues_by_class": np.bincount(labels[issues], minlength=n_classes).tolist(),
        "issues": [
            {"row": row, "label": int(labels[row]), "suggested": int(p[row].argmax()), "quality": float(quality[row])}
            for row in worst
        ],
        "n_near": int(near.sum()),
        "n_near_contradicting": int((near & (y != y[rows[:, 0]])).sum()),
        "n_leaked": int(leaked.sum()),
    }


def _near(distance: Tensor, typical: float) -> Tensor:
    """(N,) bool: whether distances (N, 1) to the nearest point are those of near-duplicates."""
    return distance[:, 0] <= NEAR * typical
