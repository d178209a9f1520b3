"""Chunks change nothing but memory."""

import pytest
import torch

from core.attacks.algorithms import canvas
from core.attacks.algorithms.base import Feasible
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.inversion import gaps, match
from core.attacks.algorithms.plan import make_plan
from core.extractors import batches
from core.spec.events import Event, silent
from tests import tiny

LABELS = torch.zeros(11, dtype=torch.long)


@pytest.fixture
def images() -> torch.Tensor:
    return tiny.scene().images[:11]


def test_chunks_give_the_same_features_and_gradients(images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    feasible = make_plan(tiny.scene(), tiny.spec("ft-matching")).feasible
    ahead = torch.randn(11, 24, generator=torch.Generator().manual_seed(0))
    features, pull = Canvas(tiny.scene().pipeline, images, feasible, LABELS).forward(images)
    whole = pull(ahead)
    monkeypatch.setitem(batches.CPU, "gradient", 4)
    in_parts, pull = Canvas(tiny.scene().pipeline, images, feasible, LABELS).forward(images)
    torch.testing.assert_close(in_parts, features)
    torch.testing.assert_close(pull(ahead), whole)


def test_features_are_those_of_the_exported_image(images: torch.Tensor) -> None:
    feasible = make_plan(tiny.scene(), tiny.spec("ft-matching", constraint="perturbation", delta=2.4 / 255)).feasible
    board = Canvas(tiny.scene().pipeline, images, feasible, LABELS)
    moved = images + 0.3
    features, _ = board.forward(moved)
    exported = torch.minimum(images + 2 / 255, torch.ones(()))
    torch.testing.assert_close(features, tiny.scene().pipeline(exported))


def test_nothing_is_rounded_or_clipped_where_nothing_is_checked(images: torch.Tensor) -> None:
    free = Canvas(tiny.scene().pipeline, images, Feasible(None, None, None), LABELS)
    moved = images * 7 - 2.003
    assert torch.equal(free.project(moved), moved)
    torch.testing.assert_close(free.forward(moved)[0], tiny.scene().pipeline(moved))


def test_matching_finds_an_image_that_is_there(images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of real images, from other images: the gap closes, each image keeps its own best iterate."""
    monkeypatch.setitem(batches.CPU, "gradient", 4)
    scene = tiny.scene()
    feasible = make_plan(scene, tiny.spec("ft-matching")).feasible
    zeta, start = scene.z[50:61].double(), images
    board = Canvas(scene.pipeline, start, feasible, LABELS)
    start_z = scene.pipeline(start)
    events: list[Event] = []
    x, gap = match(board, start, start_z, zeta, 200, 0.0, events.append)
    before, after = (gaps(board.forward(image)[0], zeta.float()) for image in (start, x))
    assert bool((after <= before).all())
    assert after.mean() < 0.1 * before.mean()
    assert events[-1].values["gap"] == pytest.approx(float(after.mean()), rel=1e-5)
    torch.testing.assert_close(gap, after)
    assert torch.equal(match(board, start, start_z, zeta, 0, 0.0, silent)[0], start)


class Narrow(torch.nn.Module):
    """A pipeline on a device that holds no more than so many images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return tiny.scene().pipeline(x)


@pytest.mark.parametrize("most", [1, 3, 10, 11])
def test_chunks_shrink_until_they_fit_the_device(most: int, images: torch.Tensor) -> None:
    feasible = make_plan(tiny.scene(), tiny.spec("ft-matching")).feasible
    ahead = torch.randn(11, 24, generator=torch.Generator().manual_seed(0))
    features, pull = Canvas(tiny.scene().pipeline, images, feasible, LABELS).forward(images)
    less, pull_less = Canvas(Narrow(most), images, feasible, LABELS).forward(images)
    torch.testing.assert_close(less, features)
    torch.testing.assert_close(pull_less(ahead), pull(ahead))


def test_a_gradient_that_does_not_fit_at_once_is_made_in_parts(
    images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    feasible = make_plan(tiny.scene(), tiny.spec("ft-matching")).feasible
    ahead = torch.randn(11, 24, generator=torch.Generator().manual_seed(0))
    board = Canvas(tiny.scene().pipeline, images, feasible, LABELS)
    whole = board.forward(images)[1](ahead)
    pull = canvas._pull

    def small(leaf: torch.Tensor, z: torch.Tensor, ahead: torch.Tensor) -> torch.Tensor:
        if len(z) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pull(leaf, z, ahead)

    monkeypatch.setattr(canvas, "_pull", small)
    torch.testing.assert_close(board.forward(images)[1](ahead), whole)


def test_a_single_image_that_does_not_fit_is_an_error(images: torch.Tensor) -> None:
    feasible = make_plan(tiny.scene(), tiny.spec("ft-matching")).feasible
    with pytest.raises(torch.OutOfMemoryError):
        Canvas(Narrow(0), images, feasible, LABELS).forward(images)
