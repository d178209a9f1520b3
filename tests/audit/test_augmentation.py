"""Heads on augmented images: how many views of what they see, with which labels, where there are images at all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from core.audit import augmentation, views
from core.audit.augmentation import augmented_head
from core.audit.battery import measure
from core.audit.plan import Cell, make_plan
from core.catalog.choices import resolve
from core.experiments.result import Result
from core.experiments.run import run
from core.heads import logistic as head
from core.pretraining.augment import Augmentation
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import Cancelled

CPU = torch.device("cpu")
POINTS = {"train_size": 60, "test_size": 200, "budget": 0.2}


def of(data: str, **more: Any) -> ExperimentSpec:
    values = {"data": data, "extractor": f"resnet10-small-{data}", "attack": "label-flip", "defaults": 3}
    return resolve(parse_spec({**values, "label_rule": "random", **POINTS, **more}))


@pytest.fixture(scope="module")
def flipped() -> Result:
    return run(of("fashion-mnist"), with_map=False, device="cpu")


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """Points and labels of every head that is trained."""
    seen: list[tuple[Tensor, Tensor]] = []

    def fit(z: Tensor, y: Tensor, *rest: Any) -> Any:
        seen.append((z, y))
        return trained(z, y, *rest)

    trained: Callable[..., Any] = head.fit
    monkeypatch.setattr(augmentation.head, "fit", fit)
    return seen


def test_views_that_are_the_images_change_nothing(flipped: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "view", lambda x, how, generator: x)
    assert augmented_head(flipped, CPU) == {"clean": flipped.clean.accuracy, "poisoned": flipped.poisoned.accuracy}


def test_heads_see_every_image_and_four_views_of_it(flipped: Result, heads: list[tuple[Tensor, Tensor]]) -> None:
    found = augmented_head(flipped, CPU)
    (clean_z, clean_y), (both_z, both_y) = heads
    assert (len(clean_y), len(both_y)) == (60 * 5, (60 + 12) * 5)
    assert torch.equal(clean_z, both_z[:300])
    assert clean_z[:60].numpy() == pytest.approx(flipped.features["train_z"])
    assert both_z[300:312].numpy() == pytest.approx(flipped.poison.z)
    assert (both_y.numpy() == np.r_[np.tile(flipped.features["train_y"], 5), np.tile(flipped.poison.y, 5)]).all()
    moved = (clean_z.view(5, 60, -1)[1:] - clean_z[:60]).norm(dim=-1)
    assert bool((moved > 0.05).all())
    assert float(moved.median()) < 3  # the norm of a feature vector: a view is still an image of its class
    model = LogisticRegression(C=1 / (len(both_y) * 1e-3), tol=1e-8, max_iter=10_000).fit(both_z, both_y)
    assert model.score(flipped.features["test_z"], flipped.features["test_y"]) == pytest.approx(found["poisoned"])


def test_views_are_those_of_the_seed(flipped: Result) -> None:
    assert augmented_head(flipped, CPU) == augmented_head(flipped, CPU)


@pytest.mark.parametrize(("data", "is_mirrored"), [("fashion-mnist", True), ("mnist", False)])
def test_digits_are_not_mirrored(data: str, is_mirrored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Augmentation] = []
    monkeypatch.setattr(augmentation, "view", lambda x, how, generator: (seen.append(how), x)[1])
    augmented_head(run(of(data), with_map=False, device="cpu"), CPU)
    assert {how.flip for how in seen} == {is_mirrored}
    assert {(how.area, how.brightness, how.noise) for how in seen} == {(0.8, 0.0, 0.0)}


def test_it_can_be_stopped_between_views(flipped: Result) -> None:
    def stop(event: Any) -> None:
        if event.stage == "evaluate":
            raise Cancelled("The audit was stopped.")

    with pytest.raises(Cancelled):
        augmented_head(flipped, CPU, stop)


def test_a_cell_has_it_among_the_other_heads(flipped: Result) -> None:
    row = measure(Cell("flips", flipped.spec, ("sphere",), augmented=True), "cpu")
    assert row["heads"]["augmented: 4 views of each image"] == augmented_head(flipped, CPU)
    assert len(row["heads"]) == 9


def test_large_data_have_fewer_views_and_it_is_said() -> None:
    assert views.title(of("fashion-mnist", train_size=30_000, budget=0.01)) == "augmented: 2 views of each image"
    huge = replace_size(130_000)
    assert views.views_of(huge) == 0
    assert views.refusals(huge, ["flips"]) == [
        "Augmentation is not measured: it would make more than 120,000 points to train on."
    ]


def replace_size(n: int) -> ExperimentSpec:
    return of("fashion-mnist").model_copy(update={"train_size": n})


def test_what_has_no_images_is_refused_in_a_sentence(tmp_path: Path) -> None:
    x, y = load_digits(n_class=4, return_X_y=True)
    path = tmp_path / "digits.npz"
    np.savez(path, train_features=x[:200], train_labels=y[:200], test_features=x[200:400], test_labels=y[200:400])
    vectors = parse_spec({"data": f"features:{path}", "train_size": 200, "test_size": 200, "defaults": 3})
    assert views.refusals(vectors, ["flips"]) == [
        "Augmentation is not measured: the data are feature vectors, and there are no images to augment."
    ]
    assert not any(cell.augmented for cell in make_plan(vectors, 10).cells)
    (sentence,) = views.refusals(of("fashion-mnist"), ["flips", "tgda-feature", "fw-input"])
    assert sentence.startswith("Augmentation is not measured against TGDA, features: its poison is feature vectors")
    free = of("fashion-mnist", constraint="none")
    assert views.refusals(free, ["flips"]) == [
        "Augmentation is not measured: under the constraint none, pixels of the poison may be any numbers."
    ]
    assert not any(cell.augmented for cell in make_plan(free, 10).cells)


def test_a_plan_augments_where_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    whole = make_plan(ExperimentSpec(), 30)
    assert [(cell.attack, cell.spec.budget, cell.spec.seed) for cell in whole.cells if cell.augmented] == [
        ("flips", 0.03, 0),
        ("fw-input", 0.03, 0),
    ]
    monkeypatch.setattr(views, "seconds", lambda *given: 1e6)
    short = make_plan(ExperimentSpec(), 30)
    assert not any(cell.augmented for cell in short.cells)
    assert "fw-input against a head on augmented images is left out: it takes too long on this machine." in (
        short.left_out
    )
    assert [replace(cell, augmented=False) for cell in whole.cells] == list(short.cells)
