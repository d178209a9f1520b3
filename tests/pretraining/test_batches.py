"""Batches are the images in the order that was set, wherever the images lie."""

import pytest
import torch

from core.pretraining import batches
from core.pretraining.batches import SHARE, Batches, fits

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def images(n: int = 10) -> torch.Tensor:
    """Each of its own grey value."""
    return (25 * torch.arange(n, dtype=torch.uint8))[:, None, None, None].expand(n, 1, 2, 2).contiguous()


@pytest.mark.parametrize("resident", [True, False])
def test_batches_follow_the_order(resident: bool) -> None:
    source = Batches(images(), CPU, resident=resident)
    for order in ([3, 9, 0, 7, 1, 2, 4, 5, 6, 8], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]):
        source.shuffle(torch.tensor(order))
        batch = source.take(2, 3)
        assert batch.shape == (3, 1, 2, 2)
        assert batch[:, 0, 1, 1].tolist() == pytest.approx([25 * row / 255 for row in order[2:5]])
    assert [len(source.take(8, 4)), len(source.take(10, 4))] == [2, 0], "the end of the order ends the batch"


def test_without_an_order_batches_are_the_images_as_they_come() -> None:
    assert (255 * Batches(images(), CPU).take(0, 3)[:, 0, 0, 0]).round().tolist() == [0, 25, 50]


def test_images_lie_on_a_gpu_as_far_as_its_free_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images()
    for free, expected in ((int(x.nbytes / SHARE), True), (int(x.nbytes / SHARE) - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 80 << 30))
        assert fits(x, GPU) == expected
    assert fits(x, CPU)


def test_the_choice_is_made_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for choice in (True, False):
        monkeypatch.setattr(batches, "fits", lambda x, device, choice=choice: choice)
        assert Batches(images(), CPU).resident == choice
