"""How many images go through a network at once: by the memory of an accelerator, or as a CPU always took them."""

import dataclasses
import gc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.catalog.lookup import extractor_info
from core.extractors import batches
from core.extractors.batches import MEASURED, MOST, MOST_NUMBERS, at_once, halved, next_count
from core.extractors.build import Extractor, build
from core.extractors.features import Pipeline, Scale, extract, extract_on
from core.extractors.registry import EXTRACTORS
from core.system import device as devices

CPU = torch.device("cpu")
GIB = 1 << 30
SHAPE = (1, 8, 8)


class Network(nn.Module):
    """Remembers the batches that it was given, and whether gradients were wanted."""

    def __init__(self, most: int = 1 << 20) -> None:
        super().__init__()
        self.most, self.given, self.gradients = most, list[int](), list[bool]()

    def forward(self, x: Tensor) -> Tensor:
        self.given.append(len(x))
        self.gradients.append(x.requires_grad)
        if len(x) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return x.flatten(1)


class FakeMemory:
    """An accelerator on which each image takes so many bytes."""

    def __init__(self, free: int, each: int, network: Network) -> None:
        self.bytes, self.each, self.network = free, each, network
        self.measured = 0

    def free(self) -> int:
        return self.bytes

    def peak(self, work: Callable[[], object]) -> int:
        self.measured += 1
        work()
        return self.each * self.network.given[-1]


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Network, FakeMemory]]:
    def make(free: int, each: int, most: int = 1 << 20) -> tuple[Network, FakeMemory]:
        network = Network(most)
        memory = FakeMemory(free, each, network)
        monkeypatch.setattr(devices, "memory_of", lambda device: memory)
        return network, memory

    return make


@pytest.mark.parametrize(
    ("free", "each", "expected"),
    [
        (GIB, 1 << 20, 512),  # half of the memory holds 512 images
        (GIB, (1 << 20) + 1, 256),  # one byte more each, and it does not
        (3 * GIB, 1 << 20, 1024),  # 1536 fit
        (128 * GIB, 1 << 10, MOST["features"]),
        (1 << 20, 1 << 20, 1),  # not even one fits; its own error says so
    ],
)
def test_a_batch_is_what_half_of_the_memory_holds(
    free: int, each: int, expected: int, accelerator: Callable[..., tuple[Network, FakeMemory]]
) -> None:
    network, _ = accelerator(free, each)
    assert at_once(network, SHAPE, CPU) == expected
    assert network.given == [MEASURED]


def test_batches_of_large_images_are_small_enough_to_be_cancelled(
    accelerator: Callable[..., tuple[Network, FakeMemory]],
) -> None:
    network, _ = accelerator(1024 * GIB, 1)
    size = at_once(network, (3, 224, 224), CPU)
    assert size == 256
    assert size * 3 * 224 * 224 <= MOST_NUMBERS < 2 * size * 3 * 224 * 224


def test_it_is_measured_once_for_each_network_size_and_kind_of_pass(
    accelerator: Callable[..., tuple[Network, FakeMemory]],
) -> None:
    network, memory = accelerator(GIB, 1 << 20)
    for _ in range(3):
        assert at_once(network, SHAPE, CPU) == 512
    assert memory.measured == 1
    assert network.gradients == [False]
    memory.each *= 4
    assert at_once(network, SHAPE, CPU, "gradient") == 128
    assert network.gradients == [False, True]
    at_once(network, (1, 16, 16), CPU)
    assert memory.measured == 3
    assert at_once(network, SHAPE, CPU) == 512, "as remembered"


def test_a_run_finds_what_the_run_before_has_measured(
    accelerator: Callable[..., tuple[Network, FakeMemory]],
) -> None:
    network, memory = accelerator(GIB, 1 << 20)
    scale = Scale(torch.zeros(64), torch.ones(64))
    for _ in range(2):  # each run has a pipeline of its own
        pipeline = Pipeline(network, scale)  # type: ignore[arg-type]
        assert at_once(pipeline, SHAPE, CPU, "gradient") == 512
    assert memory.measured == 1


def test_what_was_measured_goes_with_its_network(accelerator: Callable[..., tuple[Network, FakeMemory]]) -> None:
    network, memory = accelerator(GIB, 1 << 20)
    at_once(network, SHAPE, CPU)
    before = len(batches._sizes)
    memory.network = Network()
    del network
    gc.collect()
    assert len(batches._sizes) == before - 1


def test_a_batch_that_did_not_fit_is_halved_and_measured_again_next_time(
    accelerator: Callable[..., tuple[Network, FakeMemory]],
) -> None:
    network, memory = accelerator(GIB, 1 << 20)
    size = at_once(network, SHAPE, CPU)
    assert halved(network, size, torch.OutOfMemoryError()) == 256
    memory.bytes //= 4  # somebody else has taken it
    assert at_once(network, SHAPE, CPU) == 128
    with pytest.raises(torch.OutOfMemoryError):
        halved(network, 1, torch.OutOfMemoryError())


def test_even_measuring_may_be_too_much(accelerator: Callable[..., tuple[Network, FakeMemory]]) -> None:
    network, _ = accelerator(16 << 20, 1 << 20, most=5)
    assert at_once(network, SHAPE, CPU) == 8
    assert network.given == [32, 16, 8, 4]
    with pytest.raises(torch.OutOfMemoryError):
        at_once(accelerator(GIB, 1, most=0)[0], SHAPE, CPU)


def test_extraction_takes_what_the_memory_holds(accelerator: Callable[..., tuple[Network, FakeMemory]]) -> None:
    network, _ = accelerator(2 << 20, 1 << 16)
    x = torch.randint(0, 256, (40, *SHAPE), dtype=torch.uint8).numpy()
    features = extract(network, x, CPU)
    assert network.given == [MEASURED, 14, 13, 13], "at most 16, in even parts"
    torch.testing.assert_close(torch.from_numpy(features), torch.from_numpy(x).flatten(1).float() / 255)


REGISTERED = (("resnet10-small-fashion-mnist", 28), ("efficientnet-lite0-random", 64))


def of_a_user(side: int) -> Extractor:
    record = extractor_info("efficientnet-lite0-random")
    return Extractor(dataclasses.replace(record, name="timm:tf_efficientnet_lite0@weights.pth"), Network(), side)


def test_a_cpu_takes_what_it_is_fastest_at_of_a_users_extractor() -> None:
    assert {side: at_once(of_a_user(side), (1, 28, 28), CPU) for side in (28, 64, 128, 224, 1024)} == {
        28: 250,
        64: 64,
        128: 16,
        224: 5,
        1024: 1,
    }
    assert at_once(Pipeline(of_a_user(224), Scale(torch.zeros(2), torch.ones(2))), (1, 28, 28), CPU) == 5
    assert at_once(of_a_user(224), (3, 224, 224), CPU, "gradient") == 64


def test_a_cpu_takes_as_many_as_ever_of_all_else() -> None:
    for record in EXTRACTORS.values():
        for side in record.input_sizes:
            assert at_once(Extractor(record, Network(), side), (3, side, side), CPU) == 250
    network = Network()
    assert at_once(network, (3, 224, 224), CPU) == 250
    assert at_once(network, (3, 224, 224), CPU, "gradient") == 64
    assert at_once(network, (512,), CPU, "decoding") == 64
    assert network.given == [], "nothing is measured"


def counts(total: int, size: int) -> list[int]:
    done: list[int] = []
    while sum(done) < total:
        done.append(next_count(sum(done), total, size, CPU))
    return done


def test_parts_are_even_and_none_is_of_a_single_image_that_another_could_share() -> None:
    assert counts(250, 64) == [63, 63, 62, 62]
    assert counts(500, 250) == [250, 250]
    for total in (1, 2, 6, 11, 249, 250, 251, 252, 256, 501, 1003):
        whole = counts(total, 250)
        assert whole == [min(250, total - start) for start in range(0, total, 250)]
        for size in (5, 10, 16, 64, 125):
            parts = counts(total, size)
            assert sum(parts) == total
            assert max(parts) <= size
            assert parts.count(1) == whole.count(1)


@pytest.mark.parametrize(("name", "side"), REGISTERED)
def test_features_of_registered_extractors_are_those_of_250_images_at_once_to_the_bit(name: str, side: int) -> None:
    extractor = build(extractor_info(name), side, CPU)
    x = torch.randint(0, 256, (260, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.inference_mode():
        expected = torch.cat([extractor(part.float() / 255.0) for part in (x[:250], x[250:])])
    assert np.array_equal(extract(extractor, x.numpy(), CPU), expected.numpy())
    assert torch.equal(extract_on(extractor, x, CPU), expected)
    assert float(expected.std(0).max()) > 0, "features that differ, or the comparison shows nothing"
