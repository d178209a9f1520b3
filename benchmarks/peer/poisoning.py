"""TGDA on features beside secml's poisoning of logistic regression, on the same binary tasks.

    .venv/bin/python -m benchmarks.peer.poisoning PEER/bin/python

PEER is an environment with secml: see benchmarks/peer/secml.txt. Both attacks add the same number of points, bound to
the clean range of each feature, and are judged by scikit-learn's head on test points that neither has seen.
"""

import argparse
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from benchmarks import report
from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Scene
from core.attacks.algorithms.implicit import DAMPING, Damage, maximise
from core.attacks.algorithms.plan import make_plan
from core.attacks.tgda_feature import TGDAFeature
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.split import draw
from core.extractors import features
from core.extractors.build import build
from core.heads import logistic as head
from core.spec.events import Event
from core.spec.experiment import parse_spec
from core.system.tables import markdown_table, mean_and_deviation

PEER_SCRIPT = Path(__file__).resolve().parent / "secml_attack.py"
CLASSES = (2, 6)
"""Pullover and shirt of Fashion-MNIST: a pair that a head confuses."""
TRAIN, TEST, WIDTH, RIDGE = 400, 1_000, 64, 1e-3
BUDGETS, SEEDS = (0.03,), (0, 1, 2, 3, 4)
Array = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """Training features (n, 64) and labels (n,), and test features and labels; features are principal components."""

    z: Array
    y: Array
    test_z: Array
    test_y: Array

    @classmethod
    def of(cls, seed: int) -> "Task":
        """Each seed draws other images."""
        every = draw(data_info("fashion-mnist"), train_size=10 * TRAIN, test_size=10_000, seed=seed)
        extractor = build(info("efficientnet-lite0-imagenet"), 64, torch.device("cpu"))
        parts = []
        for x, y, size in ((every.train_x, every.train_y, TRAIN), (every.test_x, every.test_y, TEST)):
            rows = np.flatnonzero(np.isin(y, CLASSES))[:size]
            raw, _ = features.cached(extractor, x[rows], torch.device("cpu"))
            parts.append((raw, (y[rows] == CLASSES[1]).astype(np.int64)))
        (train_raw, train_y), (test_raw, test_y) = parts
        reduce = PCA(WIDTH, random_state=0).fit(train_raw)
        train_z, test_z = reduce.transform(train_raw), reduce.transform(test_raw)
        scale = features.FEATURE_NORM / np.sqrt(np.square(train_z).sum(1).mean())
        return cls(scale * train_z, train_y, scale * test_z, test_y)

    def accuracy(self, poison: Array | None = None, labels: Array | None = None) -> float:
        """Of scikit-learn's converged head, in percent, with poison (m, 64) and its labels (m,) added."""
        z, y = self.z, self.y
        if poison is not None and labels is not None:
            z, y = np.vstack([z, poison]), np.append(y, labels)
        model = LogisticRegression(C=1 / (len(z) * RIDGE), tol=1e-10, max_iter=10_000).fit(z, y)
        return 100 * float(model.score(self.test_z, self.test_y))


def ours(task: Task, budget: float, seed: int) -> list[tuple[float, Array, Array]]:
    """Our attack.

    Args:
        task: the data.
        budget: ε.
        seed: of the attack.

    Returns:
        Seconds, poisoned features (m, d) and labels (m,) each time that the attack's best iterate changes.
    """
    z, y = torch.from_numpy(task.z).float(), torch.from_numpy(task.y)
    settings = TGDAFeature()
    values = {"attack": "tgda-feature", "budget": budget, "train_size": len(y), "label_rule": "random", "seed": seed}
    spec = parse_spec(values)
    start = time.perf_counter()
    clean = head.fit(z, y, 2, RIDGE)
    scene = Scene(torch.zeros(len(y), 1, 1, 1), z, y, 2, RIDGE, clean, lambda x: x, "peer")
    plan = make_plan(scene, spec)
    ascent = Ascent(scene.z[plan.base].double(), settings.lr, settings.steps, plan.features_)
    iterates: list[tuple[float, Array, Array]] = []
    lowest = 2.0

    def note(event: Event) -> None:
        nonlocal lowest
        if event.values["train_accuracy"] < lowest:
            lowest = event.values["train_accuracy"]
            iterates.append((time.perf_counter() - start, ascent.x.numpy().copy(), plan.y.numpy()))

    maximise(Damage(scene, plan.y), ascent, settings.steps, stage="stage2", damping=DAMPING, observe=note)
    return iterates


def theirs(peer: str, task: Task, budget: float, seed: int) -> tuple[float, Array, Array]:
    """The attack of secml.

    Args:
        peer: Python of an environment with secml.
        task: the data.
        budget: ε.
        seed: of the attack.

    Returns:
        Seconds without imports, poisoned features (m, d) and labels (m,).
    """
    n = len(task.y)
    m = round(budget * n)
    with tempfile.TemporaryDirectory() as folder:
        task_file, poison_file = Path(folder) / "task.npz", Path(folder) / "poison.npz"
        np.savez(task_file, z=task.z, y=task.y, c=1 / ((n + m) * RIDGE), m=m, seed=seed)
        subprocess.run([peer, str(PEER_SCRIPT), str(task_file), str(poison_file)], check=True, capture_output=True)
        with np.load(poison_file, allow_pickle=False) as file:
            return float(file["seconds"]), file["z"], file["y"].astype(np.int64)


def main() -> None:
    """Both attacks in turn on every task, on one thread each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", help="Python of an environment with secml")
    peer = parser.parse_args().peer
    torch.set_num_threads(1)
    rows, values = [], []
    for budget in BUDGETS:
        runs = []
        for seed in SEEDS:
            task = Task.of(seed)
            clean = task.accuracy()
            seconds, *poison = theirs(peer, task, budget, seed)
            their_drop = clean - task.accuracy(*poison)
            path = [(at, clean - task.accuracy(*made)) for at, *made in ours(task, budget, seed)]
            in_time = [reached for at, reached in path if at <= seconds]
            catching_up = [at for at, reached in path if reached >= their_drop]
            runs.append(
                {
                    "clean": clean,
                    "their_drop": their_drop,
                    "their_seconds": seconds,
                    "our_drop_in_their_time": in_time[-1] if in_time else 0.0,
                    "our_seconds_to_their_drop": catching_up[0] if catching_up else None,
                }
            )
            print(budget, seed, runs[-1], flush=True)
        values.append({"budget": budget, "runs": runs})
        reached = [run["our_seconds_to_their_drop"] for run in runs if run["our_seconds_to_their_drop"] is not None]
        rows.append(
            [
                f"{100 * budget:g} %",
                mean_and_deviation([run["clean"] for run in runs]),
                mean_and_deviation([run["their_drop"] for run in runs]),
                mean_and_deviation([run["our_drop_in_their_time"] for run in runs]),
                mean_and_deviation([run["their_seconds"] for run in runs]),
                f"{mean_and_deviation(reached)} ({len(reached)} of {len(runs)} seeds)",
            ]
        )
    header = [
        "Budget",
        "Clean accuracy",
        "secml: drop",
        "`tgda-feature`: drop in the same time",
        "secml: seconds",
        "`tgda-feature`: seconds to secml's drop",
    ]
    note = f"Mean ± standard deviation over {len(SEEDS)} seeds, one thread each. On {report.machine()}. {report.load()}"
    text = f"{markdown_table(header, rows)}\n\n{note}"
    report.write("peer", text, {"machine": report.machine(), "values": values})
    print(text)


if __name__ == "__main__":
    main()
