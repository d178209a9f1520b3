"""Views stay images, are each image's own, and change nothing that they may not."""

import pytest
import torch

from core.pretraining.augment import Augmentation, two_views, view

STILL = Augmentation(area=1.0, flip=False, brightness=0, contrast=0, colour=0, noise=0)


def images(channels: int = 1, n: int = 64) -> torch.Tensor:
    return torch.rand(n, channels, 12, 12, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_views_are_images(channels: int) -> None:
    x = images(channels)
    views = view(x, Augmentation(), seeded())
    assert views.shape == x.shape
    assert float(views.min()) >= 0
    assert float(views.max()) <= 1


def test_the_generator_decides() -> None:
    x = images()
    assert torch.equal(view(x, Augmentation(), seeded(1)), view(x, Augmentation(), seeded(1)))
    assert not torch.equal(view(x, Augmentation(), seeded(1)), view(x, Augmentation(), seeded(2)))


def test_each_image_has_a_view_of_its_own() -> None:
    x = images()[:1].expand(8, -1, -1, -1)
    views = view(x, Augmentation(), seeded())
    assert len({tuple(one.flatten().tolist()) for one in views}) == 8


def test_a_flip_is_a_flip_and_nothing_else() -> None:
    x = images()
    # The whole area at an aspect that fits: only crops of the full side are left where the ratio is cut to 1.
    views = view(x, Augmentation(area=1.0, flip=True, brightness=0, contrast=0, colour=0, noise=0), seeded())
    flipped = view(x, STILL, seeded())
    same = (views - flipped).abs().amax((1, 2, 3)) < 1e-5
    assert 10 < int(same.sum()) < 54


def test_a_crop_keeps_its_area() -> None:
    """On a ramp of 0 to 1 a view's spread tells the width of its crop."""
    ramp = torch.linspace(0, 1, 64)[None, None, None].expand(200, 1, 64, 64)
    half = Augmentation(area=0.3, flip=False, brightness=0, contrast=0, colour=0, noise=0)
    width = view(ramp, half, seeded()).amax((1, 2, 3)) - view(ramp, half, seeded()).amin((1, 2, 3))
    assert float(width.min()) > 0.3**0.5 * 0.75**0.5 - 0.05
    assert float(width.max()) <= 1.0
    assert float(width.std()) > 0.05


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("how", [Augmentation(), Augmentation(flip=False, area=0.3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_two_views_are_two_calls_however_they_are_made(channels: int, how: Augmentation, at_once: bool) -> None:
    x, generator = images(channels), seeded()
    one_by_one = torch.cat([view(x, how, generator) for _ in range(2)])
    assert torch.equal(two_views(x, how, seeded(), at_once=at_once), one_by_one)
    assert torch.equal(x, images(channels)), "the images themselves stay as they are"


@pytest.mark.parametrize(
    ("channels", "pixels"),
    [
        (1, [0.2689, 0.2201, 0.2602, 0.7485, 0.7646, 0.7758]),
        (3, [0.4821, 0.4566, 0.4944, 0.4715, 0.5418, 0.5144]),
    ],
)
def test_a_seed_gives_the_views_that_shipped_extractors_were_pretrained_on(channels: int, pixels: list[float]) -> None:
    """Another order of random numbers would be another recipe, under the same settings."""
    x = torch.linspace(0, 1, 2 * channels * 36).reshape(2, channels, 6, 6)
    views = view(x, Augmentation(), seeded(7))[:, -1, 2, 1:4]
    assert views.flatten().tolist() == pytest.approx(pixels, abs=1e-4)
