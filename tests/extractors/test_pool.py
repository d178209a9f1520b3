"""Extractors that are held between runs: the same as new ones, never too many, never one that has changed."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.catalog.lookup import extractor_info as info
from core.extractors import features, pool
from core.extractors.build import Extractor, build
from core.extractors.networks import network
from core.extractors.registry import ExtractorInfo
from core.pretraining.train import export
from core.system.errors import WeightsError

CPU = torch.device("cpu")
SIZE = 2.6
"""Megabytes of the small network."""


@pytest.fixture(autouse=True)
def none_held() -> Iterator[None]:
    pool._pool.clear()
    yield
    pool._pool.clear()


@pytest.fixture
def record(tmp_path: Path) -> ExtractorInfo:
    return made(tmp_path, 0)


def made(folder: Path, seed: int) -> ExtractorInfo:
    """A record of a file of weights of our own."""
    torch.manual_seed(seed)
    export(folder / "small.safetensors", network("resnet10-small"), {})
    own = info("resnet10-small-mnist")
    return dataclasses.replace(own, name=str(seed), weights=str(folder / "small.safetensors"))


def take(record: ExtractorInfo, size: int = 28) -> Extractor:
    return pool.extractor(record, size, CPU)


def test_what_is_held_is_what_a_new_one_is(record: ExtractorInfo) -> None:
    first = take(record)
    assert take(record) is first
    fresh = build(record, 28, CPU)
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(first(x), fresh(x))
    assert first.bytes == pytest.approx(SIZE * 1e6, rel=0.05)


def test_another_size_or_file_is_another_extractor(record: ExtractorInfo, tmp_path: Path) -> None:
    first = take(record)
    assert take(record, 32) is not first
    made(tmp_path, 1)  # the same name, other weights
    other = take(record)
    assert not torch.equal(next(other.parameters()), next(first.parameters()))
    Path(record.weights).unlink()
    with pytest.raises(WeightsError, match="not readable"):
        take(record)


def test_beyond_the_limit_what_was_used_least_recently_goes(
    record: ExtractorInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_MODEL_MEGABYTES", "6")  # two of them
    first, second = take(record, 28), take(record, 32)
    assert take(record, 28) is first
    take(record, 36)
    assert take(record, 28) is first
    assert take(record, 32) is not second
    assert len(pool._pool) == 2


@pytest.mark.parametrize("megabytes", ["0", "1"])
def test_what_is_larger_than_the_limit_is_not_held(
    megabytes: str, record: ExtractorInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_MODEL_MEGABYTES", megabytes)
    assert take(record) is not take(record)
    assert not pool._pool


def test_one_that_was_written_to_is_built_anew(record: ExtractorInfo, caplog: pytest.LogCaptureFixture) -> None:
    first = take(record)
    with torch.no_grad():
        next(first.parameters()).add_(1.0)
    second = take(record)
    assert second is not first
    assert torch.equal(next(second.parameters()), next(build(record, 28, CPU).parameters()))
    assert "written to by a run" in caplog.text


def test_using_it_is_not_writing_to_it(record: ExtractorInfo) -> None:
    first = take(record)
    first.train()
    x = torch.rand(4, 1, 28, 28, requires_grad=True)
    pipeline = features.Pipeline(first, features.Scale.fit(first(x).detach())).to(CPU)
    pipeline(x).sum().backward()
    features.extract(pipeline, x.detach().numpy(), CPU)
    assert all(weight.grad is None for weight in first.parameters())
    assert take(record) is first


def test_a_name_of_the_weights_is_that_of_the_weights_as_they_are(record: ExtractorInfo) -> None:
    x = torch.randint(0, 256, (6, 1, 28, 28), dtype=torch.uint8).numpy()
    first = take(record)
    names = [features.digest(first, x), features.digest(first, x), features.digest(build(record, 28, CPU), x)]
    assert len(set(names)) == 1
    assert features.digest(first, x[:5]) != names[0]
    with torch.no_grad():
        next(first.parameters()).add_(1.0)
    assert features.digest(first, x) != names[0]


def test_many_shapes_of_images_leave_little_behind(record: ExtractorInfo) -> None:
    first = take(record)
    for n in range(1, 2 * features.SHAPES):
        features.digest(first, torch.zeros(n, 1, 28, 28, dtype=torch.uint8).numpy())
    assert len(first.hashed) <= features.SHAPES


def test_random_weights_have_no_file() -> None:
    random = info("efficientnet-lite0-random")
    assert take(random, 64) is take(random, 64)
    assert os.fspath(pool.file_of(info("resnet10-small-mnist")) or "").endswith(".safetensors")
