"""Memory that is not enough: batches are halved, and what can't be halved says so."""

import pytest
import torch

from core.catalog.lookup import extractor_info
from core.data.readers import read
from core.data.registry import DATA
from core.extractors import batches, features
from core.extractors.build import build
from core.pretraining.train import Settings, pretrain
from core.system import device as devices
from core.system.errors import InsufficientMemory
from tests.gpu.memory import features as features_of
from tests.gpu.memory import too_small_for


def images(count: int) -> torch.Tensor:
    return torch.from_numpy(read(DATA["fashion-mnist"], "test")[0][:count].copy())


def out_of_memory(*_: object, **__: object) -> torch.Tensor:
    raise torch.OutOfMemoryError("out of memory")


def test_batches_are_halved_until_they_fit(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu = device.type == "cuda"
    x = images(2_000 if on_gpu else 24)
    batch = len(x)
    monkeypatch.setattr(batches, "at_once", lambda *_: batch)
    extractor = build(extractor_info("resnet10-small-fashion-mnist"), 28, device)
    expected = features_of(extractor, x, device)
    halved: list[int] = []
    halve = devices.halved

    def spy(size: int, error: torch.OutOfMemoryError) -> int:
        halved.append(size)
        return halve(size, error)

    monkeypatch.setattr(devices, "halved", spy)
    with too_small_for(extractor, x, device, batch // 4, monkeypatch):
        there = features_of(extractor, x, device)
    assert halved[0] == batch
    assert len(halved) in (1, 2), "at most down to the size that was measured to fit"
    torch.testing.assert_close(there, expected, rtol=1e-2, atol=1e-2)
    halved.clear()
    features_of(extractor, x, device)
    assert halved == [], "with all of the memory nothing is halved"


def test_a_batch_that_was_measured_fits_and_gives_the_features_of_small_ones(device: torch.device) -> None:
    extractor = build(extractor_info("resnet10-small-fashion-mnist"), 28, device)
    size = batches.at_once(extractor, (1, 28, 28), device)
    assert size == (250 if device.type == "cpu" else batches.MOST["features"])
    x = images(size)
    there = features.extract_on(extractor, x.to(device), device)
    assert there.device.type == device.type
    torch.testing.assert_close(there.cpu(), features_of(extractor, x, device), rtol=1e-3, atol=1e-3)
    few = torch.cat([features_of(extractor, x[:50], device), features_of(extractor, x[50:100], device)])
    torch.testing.assert_close(there[:100].cpu(), few, rtol=2e-2, atol=2e-2)


def test_a_step_of_pretraining_that_does_not_fit_says_what_to_do(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.zeros(64, 3, 64, 64, dtype=torch.uint8)
    settings = Settings(epochs=1, batch=64, arch="resnet18-small")
    if device.type == "cuda":
        torch.cuda.empty_cache()
        room = torch.cuda.memory_reserved(device) + (160 << 20)
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(room / total)
    else:
        monkeypatch.setattr("core.pretraining.step.two_views", out_of_memory)
    try:
        with pytest.raises(InsufficientMemory, match="not enough for steps of 64 images: use a smaller batch"):
            pretrain(x, settings, normalise=((0.5,) * 3, (0.25,) * 3), device=device)
    finally:
        if device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.empty_cache()
