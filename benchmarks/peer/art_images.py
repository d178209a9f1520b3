"""Attacks of ART (the Adversarial Robustness Toolbox), on a task from an .npz file, with its folder on PYTHONPATH.

PYTHONPATH=ART .venv/bin/python -m benchmarks.peer.art_images KIND TASK.npz OUT.npz

`svm` poisons a support vector machine on the pixels, `collision` and `matching` are aimed at one target image and go
through the extractor. All have the parameters of ART's defaults or, where there are none, of its notebooks.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from art.attacks.poisoning import (
    FeatureCollisionAttack,
    GradientMatchingAttack,
    PoisoningAttackSVM,
    poisoning_attack_svm,
)
from art.estimators.classification import PyTorchClassifier
from art.estimators.classification.scikitlearn import ScikitlearnSVC
from sklearn.svm import SVC
from torch import nn

from benchmarks.peer.image_task import RIDGE, Array, pipeline_of
from core.heads import logistic

STEP, EPS, MOST_STEPS = 0.1, 1.0, 100
"""Of the attack on the support vector machine, as in ART's notebook."""
VALIDATED = 20
"""Training images that its loss is measured on: a step takes seconds for a hundred of them."""
WATERMARK = 0.3
"""Of the target over each image of a feature collision, as in ART's notebook and in the paper."""


class InTime(PoisoningAttackSVM):
    """Ends the climb of each point after its share of the seconds."""

    share = float("inf")

    def generate_attack_point(self, x_attack: Array, y_attack: Array) -> Array:
        """See ART."""
        self.max_iter, self.ends = MOST_STEPS, time.process_time() + self.share
        return super().generate_attack_point(x_attack, y_attack)

    def attack_gradient(self, attack_point: Array, tol: float = 0.0001) -> Array:
        """See ART."""
        if time.process_time() > self.ends:
            self.max_iter = 0
        return super().attack_gradient(attack_point, tol)


class Frozen(nn.Module):
    """The extractor without parameters that an attack could count as the head's."""

    def __init__(self, pipeline: nn.Module) -> None:
        super().__init__()
        self.pipeline = (pipeline.requires_grad_(False),)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (N, d)."""
        return self.pipeline[0](x)


def network(x: Array, y: Array) -> PyTorchClassifier:
    """The extractor and the converged head, as ART takes them."""
    pipeline = pipeline_of((255 * x).round().astype(np.uint8)).eval()
    with torch.no_grad():
        z = pipeline(torch.from_numpy(x))
    theta = logistic.fit(z, torch.from_numpy(y), 2, RIDGE).float()
    linear = nn.Linear(z.shape[1], 2)
    with torch.no_grad():
        linear.weight.copy_(theta[:, :-1])
        linear.bias.copy_(theta[:, -1])
    return PyTorchClassifier(
        nn.Sequential(Frozen(pipeline), linear).eval(),
        nn.CrossEntropyLoss(),
        x.shape[1:],
        2,
        optimizer=torch.optim.SGD(linear.parameters(), 0.1),
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def svm(task: dict[str, Array], x: Array, y: Array, bases: Array) -> tuple[Array, Array]:
    """Poisoned images and labels: the other class's."""
    flat, one_hot = x.reshape(len(x), -1).astype(np.float64), np.eye(2)[y]
    model = ScikitlearnSVC(SVC(kernel="linear", C=float(task["c"])), clip_values=(0.0, 1.0))
    model.fit(flat, one_hot)
    judge = np.setdiff1d(np.arange(len(y)), bases)[:VALIDATED]
    attack = InTime(model, STEP, EPS, flat, one_hot, flat[judge], one_hot[judge], MOST_STEPS, verbose=False)
    attack.share = float(task["seconds"]) / int(task["m"])
    # Only a line of ART's log needs it, and asks today's scikit-learn for probabilities that a linear machine has not.
    poisoning_attack_svm.compute_success = lambda *_, **__: float("nan")
    made, labels = attack.poison(flat[bases].copy(), np.eye(2)[1 - y[bases]])
    return made.reshape(-1, *x.shape[1:]), labels.argmax(1)


def collision(task: dict[str, Array], x: Array, y: Array, bases: Array) -> tuple[Array, Array]:
    """Poisoned images of the class that the target shall be taken for, and their own labels."""
    other = bases[y[bases] != task["target_y"][0]][: int(task["m"])]
    target = task["target"].astype(np.float32) / 255
    attack = FeatureCollisionAttack(network(x, y), target, 0, watermark=WATERMARK, verbose=False)
    made, _ = attack.poison(x[other].copy())
    return made, y[other]


def matching(task: dict[str, Array], x: Array, y: Array, bases: Array) -> tuple[Array, Array]:
    """The same by matching gradients."""
    other = bases[y[bases] != task["target_y"][0]][: int(task["m"])]
    target = task["target"].astype(np.float32) / 255
    attack = GradientMatchingAttack(network(x, y), 1.0, max_trials=1, verbose=0)
    made, labels = attack.poison(target, 1 - task["target_y"], x[other], y[other])
    return made, labels


KINDS: dict[str, Callable[..., Any]] = {"svm": svm, "collision": collision, "matching": matching}


def main(kind: str, task_file: str, out: str) -> None:
    """Run one attack; write images in [0, 1], labels and processor seconds."""
    torch.set_num_threads(1)
    with np.load(task_file, allow_pickle=False) as file:
        task = dict(file)
    x, y = task["x"].astype(np.float32) / 255, task["y"]
    rng = np.random.default_rng(int(task["seed"]))
    np.random.seed(int(task["seed"]))  # noqa: NPY002 - of which ART draws
    torch.manual_seed(int(task["seed"]))
    order = rng.permutation(len(y))
    bases = order[: int(task["m"])] if kind == "svm" else order
    start = time.process_time()
    made, labels = KINDS[kind](task, x, y, bases)
    np.savez(out, x=made, y=labels, seconds=time.process_time() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
