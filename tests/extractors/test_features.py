"""Features: batches, the disk cache, and the fixed scale."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.catalog.lookup import extractor_info as info
from core.extractors import batches, features
from core.extractors.build import Extractor
from core.extractors.features import FEATURE_NORM, STD_FLOOR, Pipeline, Scale, cached, extract
from core.system import cache
from core.system.errors import DataError, WeightsError
from core.system.files import replacing

CPU = torch.device("cpu")
RECORD = dataclasses.replace(info("efficientnet-lite0-imagenet"), width=2)


class Backbone(nn.Module):
    """The mean of each channel times weights; counts the images that it sees."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.arange(1.0, 7.0).reshape(3, 2) * weight)
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return x.mean((2, 3)) @ self.weights


def made(weight: float = 1.0, input_size: int = 8) -> tuple[Extractor, Backbone]:
    backbone = Backbone(weight)
    return Extractor(RECORD, backbone, input_size), backbone


def pictures(n: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def test_features_are_those_of_the_images_over_255() -> None:
    extractor, _ = made()
    x = pictures()
    expected = extractor(torch.from_numpy(x).float() / 255).detach().numpy()
    extracted = extract(extractor, x, CPU)
    assert extracted.dtype == np.float32
    np.testing.assert_allclose(extracted, expected, atol=1e-6)


def test_batches_change_nothing_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, _ = made()
    whole = extract(extractor, pictures(), CPU)
    monkeypatch.setitem(batches.CPU, "features", 5)
    steps: list[tuple[int, int]] = []
    np.testing.assert_allclose(extract(extractor, pictures(), CPU, lambda *step: steps.append(step)), whole, atol=1e-6)
    assert steps == [(5, 12), (10, 12), (12, 12)]


def test_a_second_call_is_answered_from_the_disk() -> None:
    extractor, backbone = made()
    first, was_cached = cached(extractor, pictures(), CPU)
    assert not was_cached
    seen = backbone.seen
    again, was_cached = cached(extractor, pictures(), CPU)
    assert was_cached
    assert backbone.seen == seen == 12
    np.testing.assert_array_equal(first, again)
    # Another object with the same weights is the same extractor.
    assert cached(made()[0], pictures(), CPU)[1]


def test_large_features_are_mapped_from_the_disk_and_safe_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MEMORY_MAP_BYTES", 1)
    extractor, _ = made()
    for _ in range(2):  # computed, then found
        mapped, _ = cached(extractor, pictures(), CPU)
        assert isinstance(mapped, np.memmap)
        mapped[:] = 0
    again, was_cached = cached(extractor, pictures(), CPU)
    assert was_cached
    np.testing.assert_array_equal(again, extract(extractor, pictures(), CPU))


def test_images_may_lie_on_the_disk_and_go_backwards(tmp_path: Path) -> None:
    extractor, _ = made()
    np.save(tmp_path / "x.npy", pictures())
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(extract(extractor, x, CPU), extract(extractor, pictures(), CPU))
    assert features.digest(extractor, x) == features.digest(extractor, pictures())
    np.testing.assert_array_equal(extract(extractor, x[::-1], CPU), extract(extractor, pictures(), CPU)[::-1])


def test_between_batches_gradients_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(batches.CPU, "features", 5)
    for _ in features.batches(made()[0], pictures(), CPU):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[:-3],
        lambda content: b"garbage" * 9,
        lambda content: bytes(len(content)),
    ],
)
def test_a_damaged_file_is_computed_anew(harm: Callable[[bytes], bytes], home: Path) -> None:
    extractor, _ = made()
    first, _ = cached(extractor, pictures(), CPU)
    [path] = (home / "cache" / "features").iterdir()
    path.write_bytes(harm(path.read_bytes()))
    again, was_cached = cached(extractor, pictures(), CPU)
    assert not was_cached
    np.testing.assert_array_equal(first, again)
    assert cached(extractor, pictures(), CPU)[1], "and written over"


@pytest.mark.parametrize("change", ["weights", "images", "order", "input size", "architecture"])
def test_another_question_is_not_answered_from_the_cache(change: str) -> None:
    cached(made()[0], pictures(), CPU)
    extractor, x = made()[0], pictures()
    if change == "weights":
        extractor = made(weight=1.0 + 1e-6)[0]
    elif change == "images":
        x[3, 1, 2, 2] ^= 1
    elif change == "order":
        x = x[::-1].copy()
    elif change == "input size":
        extractor = made(input_size=16)[0]
    else:
        extractor.info = dataclasses.replace(RECORD, arch="other")
    assert not cached(extractor, x, CPU)[1]


def test_a_full_disk_leaves_nothing_and_costs_only_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, file: BinaryIO) -> None:
            self.file, self.free = file, 200

        def write(self, content: bytes | memoryview) -> int:
            self.free -= len(bytes(content))
            if self.free < 0:
                raise OSError("disk full")
            return self.file.write(content)

    @contextmanager
    def full(path: Path) -> Iterator[Full]:
        with replacing(path) as file:
            yield Full(file)

    monkeypatch.setitem(batches.CPU, "features", 5)
    monkeypatch.setattr(cache, "replacing", full)
    extractor, _ = made()
    without_cache, was_cached = cached(extractor, pictures(), CPU)
    np.testing.assert_array_equal(without_cache, extract(extractor, pictures(), CPU))
    assert not was_cached
    assert list((home / "cache" / "features").iterdir()) == []


def raw(n: int = 400, d: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 5 + torch.randn(n, d, generator=generator) * torch.tensor([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])


def test_scaled_features_are_centred_with_the_fixed_norm_and_alike() -> None:
    z = Scale.fit(raw())(raw())
    torch.testing.assert_close(z.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    assert float(z.square().sum(1).mean().sqrt()) == pytest.approx(FEATURE_NORM, rel=1e-5)
    assert FEATURE_NORM == 3.0
    torch.testing.assert_close(z.std(0, correction=0), torch.full((6,), 3 / 6**0.5), atol=1e-5, rtol=1e-5)


def test_a_dead_coordinate_becomes_zero() -> None:
    values = raw()
    values[:, 2] = 7.0
    scale = Scale.fit(values)
    z = scale(values)
    assert bool((z[:, 2] == 0).all())
    assert float(z.square().sum(1).mean().sqrt()) == pytest.approx(FEATURE_NORM, rel=1e-5)
    values[0, 2] = 1e9
    assert float(scale(values)[0, 2]) == 0.0


@pytest.mark.parametrize("constant", [0.3, -7.7, 123.456, 54321.0])
def test_rounding_is_no_spread(constant: float) -> None:
    """The mean of equal numbers in float32 is not quite that number; their scale would make it features."""
    values = raw(n=1001)
    values[:, 2] = constant * (1 + 1e-7 * torch.randn(1001, generator=torch.Generator().manual_seed(0)))
    scale = Scale.fit(values)
    assert float(scale.factor[2]) == 0.0
    assert bool((scale.factor[[0, 1, 3, 4, 5]] > 0).all())
    assert float(scale(values).square().sum(1).mean().sqrt()) == pytest.approx(FEATURE_NORM, rel=1e-5)


@pytest.mark.parametrize("constant", [0.0, 0.3, 123.456])
def test_features_that_are_all_equal_are_refused_with_whose_fault_it_is(constant: float) -> None:
    values, x = torch.full((1001, 3), constant), pictures(1001)
    with pytest.raises(WeightsError, match=r"^The extractor 'Mine' gives all 1001 training images the same features"):
        features.check_spread(values, x, "Mine")
    with pytest.raises(DataError, match=r"^All 1001 training images are equal"):
        features.check_spread(values, np.repeat(x[:1], 1001, axis=0), "Mine")


def test_a_single_image_with_other_features_is_a_spread() -> None:
    values = torch.full((1001, 3), 0.3)
    values[7, 1] = 0.4
    features.check_spread(values, pictures(1001), "Mine")


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e38])
def test_features_that_are_not_finite_are_refused_by_name_each_time_and_not_cached(weight: float, home: Path) -> None:
    extractor, _ = made(weight)
    for _ in range(2):
        with pytest.raises(WeightsError, match=f"^The extractor '{RECORD.title}' gives features that are not finite"):
            cached(extractor, pictures(), CPU)
    assert [path for path in (home / "cache").rglob("*") if path.is_file()] == []


def test_features_that_an_earlier_version_cached_though_they_are_not_finite_are_extracted_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extractor, backbone = made()
    expected, _ = cached(extractor, pictures(), CPU, name="a")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "is_finite", lambda array: True)
        path = next((cache.paths.cache() / "features").iterdir())
        cache.write(path, np.full_like(expected, np.nan))
    seen = backbone.seen
    again, was_cached = cached(extractor, pictures(), CPU, name="a")
    assert not was_cached
    assert backbone.seen == seen + 12
    np.testing.assert_array_equal(again, expected)


def test_nothing_but_dead_coordinates_is_no_division_by_zero() -> None:
    z = Scale.fit(torch.ones(5, 3))(torch.ones(5, 3))
    assert torch.equal(z, torch.zeros(5, 3))


def test_a_coordinate_that_fires_on_one_image_is_floored() -> None:
    values = raw()
    values[:, 0] = 0.0
    values[0, 0] = 0.1
    scale = Scale.fit(values)
    std = values.std(0, correction=0)
    floor = STD_FLOOR * float(std.median())
    assert float(std[0]) < floor
    # All other coordinates have one deviation after scaling; the floored one is divided by the floor.
    unit = float(scale.factor[1] * std[1])
    assert float(scale.factor[0]) == pytest.approx(unit / floor, rel=1e-4)
    assert float(scale(values)[0, 0]) < FEATURE_NORM


def test_scale_is_fixed_once_fitted() -> None:
    scale = Scale.fit(raw())
    alone, among = scale(raw()[:1]), scale(torch.cat([raw()[:1], 1000 * raw()]))[:1]
    assert torch.equal(alone, among)


def test_the_pipeline_is_extractor_then_scale_and_differentiable() -> None:
    extractor, _ = made()
    x = torch.from_numpy(pictures()).float() / 255
    scale = Scale.fit(extractor(x).detach())
    pipeline = Pipeline(extractor, scale)
    leaf = x.clone().requires_grad_()
    out = pipeline(leaf)
    torch.testing.assert_close(out, scale(extractor(x)))
    (gradient,) = torch.autograd.grad(out.sum(), leaf)
    assert float(gradient.abs().sum()) > 0
    np.testing.assert_allclose(extract(pipeline, pictures(), CPU), out.detach().numpy(), atol=1e-5)


class Narrow(torch.nn.Module):
    """An extractor on a device that holds no more than so many images; remembers how many it was given."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.given = most, list[int]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.given.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x.flatten(1)


def test_batches_shrink_until_they_fit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(batches.CPU, "features", 8)
    images = np.random.default_rng(0).integers(0, 256, (19, 1, 4, 4), dtype=np.uint8)
    narrow, steps = Narrow(3), list[tuple[int, int]]()
    extracted = features.extract(narrow, images, CPU, lambda done, total: steps.append((done, total)))
    np.testing.assert_allclose(extracted, images.reshape(19, 16) / np.float32(255))
    assert narrow.given == [8, 4, *[2] * 9, 1]
    assert steps[-1] == (19, 19)
    with pytest.raises(torch.OutOfMemoryError):
        features.extract(Narrow(0), images, CPU)
