"""Verifies what was handed on: refits the heads of a run, repeats its attack, and repeats cells of an audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from core.audit.battery import measure
from core.audit.plan import Cell, cell_spec
from core.catalog.choices import resolve
from core.experiments.run import run
from core.heads import logistic as head
from core.spec.experiment import parse_spec
from core.storage.runs import StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError

TOLERANCE = 0.5
"""Points of accuracy within which an attack has to repeat on another machine; on the same one, it repeats exactly."""
CELLS = 3
"""Experiments of an audit that are repeated."""


@dataclass(frozen=True)
class Check:
    """One number that was handed on, and what it is now.

    Attributes:
        name: what was checked.
        stated: the accuracy that was handed on, in [0, 1].
        found: the accuracy as found.
        tolerance: points by which they may differ.
    """

    name: str
    stated: float
    found: float
    tolerance: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the number is confirmed."""
        return abs(100 * (self.stated - self.found)) <= self.tolerance + 1e-9


def verify_run(stored: StoredRun, *, repeat: bool = False, device: str = "auto") -> list[Check]:
    """Refit both heads of a run from its features, by the lab and by scikit-learn, and repeat its attack if asked.

    A test point on which two classes tie to the last digits may go either way by another solver, and by features that
    were extracted anew, as they are where the run was kept without them: then the accuracy may differ by one point of
    the test set.

    Args:
        stored: the run.
        repeat: whether to run the whole experiment again.
        device: of that run, and of an extraction.

    Raises:
        StoreError: it has neither features nor images, or is damaged.
    """
    summary, features = stored.summary, stored.features(device)
    one = 100 / len(features["test_y"])
    exact = 0.0 if stored.has_features else one
    checks = []
    for name, score, parts in (
        ("clean", summary.clean, ("train",)),
        ("poisoned", summary.poisoned, ("train", "poison")),
    ):
        z = np.concatenate([features[f"{part}_z"] for part in parts])
        y = np.concatenate([features[f"{part}_y"] for part in parts])
        refitted = _refitted(z, y, features, summary.spec.ridge)
        checks.append(Check(f"{name} head, refitted", score.accuracy, refitted, exact))
        model = LogisticRegression(C=1 / (len(y) * summary.spec.ridge), tol=1e-8, max_iter=10_000).fit(z, y)
        by_library = float(model.score(features["test_z"], features["test_y"]))
        checks.append(Check(f"{name} head, by scikit-learn", score.accuracy, by_library, one))
    if repeat:
        again = run(summary.spec, device=device, with_map=False)
        checks.append(Check("attack, repeated", summary.poisoned.accuracy, again.poisoned.accuracy, TOLERANCE))
    return checks


def verify_stated(stated: Mapping[str, Any], device: str = "auto") -> list[Check]:
    """Repeat a run of which only the report is there.

    Args:
        stated: what the report carries, see `core.presentation.embedding.read_run`.
        device: of the run.

    Raises:
        StoreError: its settings give another experiment in this version.
    """
    spec = resolve(parse_spec(stated["spec"]))
    if spec.hash != stated["hash"]:
        raise StoreError(
            f"The report's run {stated['hash']} is another experiment in this version, or its data have changed: "
            "verify the run's folder instead."
        )
    again = run(spec, device=device, with_map=False)
    return [
        Check("clean head, repeated", stated["clean"], again.clean.accuracy, TOLERANCE),
        Check("attack, repeated", stated["poisoned"], again.poisoned.accuracy, TOLERANCE),
    ]


def verify_audit(content: Mapping[str, Any], cells: int = CELLS, device: str = "auto") -> list[Check]:
    """Repeat the first experiments of an audit.

    Args:
        content: of its audit.json.
        cells: how many.
        device: of the runs.

    Raises:
        StoreError: a setting of the audit gives another experiment in this version.
    """
    base = parse_spec({**content["spec"]}, stored=True)
    checks = []
    for row in [row for row in content["runs"] if not row["is_evaded"]][:cells]:
        spec = cell_spec(base, row["attack"], row["budget"], row["seed"], limit=row.get("limit", ""))
        if spec.hash != row["hash"]:
            raise StoreError(f"The audit's run {row['hash']} is another experiment in this version: repeat the audit.")
        found = measure(Cell(row["attack"], spec), device)
        name = f"{row['attack']} at {100 * row['budget']:g} %, seed {row['seed']}"
        checks.append(Check(f"{name}: clean", row["clean"], found["clean"], TOLERANCE))
        checks.append(Check(f"{name}: poisoned", row["poisoned"], found["poisoned"], TOLERANCE))
    return checks


def _refitted(z: Array, y: Array, features: Mapping[str, Array], ridge: float) -> float:
    n_classes = int(max(y.max(), features["test_y"].max())) + 1
    theta = head.fit(torch.from_numpy(z), torch.from_numpy(y), n_classes, ridge)
    return head.accuracy(theta, torch.from_numpy(features["test_z"]), torch.from_numpy(features["test_y"]))
