"""How many images go through a network at once: the one rule for features, images under optimisation and decoders.

On an accelerator it is what the memory allows, measured on a few images, once in a process for each network, size of
image and kind of pass. On a CPU it is what is fastest (benchmarks/README.md), as far as results stay as they were.
"""

import math
from collections.abc import Callable
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from core.extractors import names
from core.system import device as devices

Network = Callable[[Tensor], Tensor]
Pass = Literal["features", "gradient", "decoding"]
"""Images to features without and with a gradient in the images, and features to images."""

CPU: dict[Pass, int] = {"features": 250, "gradient": 64, "decoding": 64}
"""Images at once on a CPU. Last digits depend on them, so that registered extractors keep them."""
CPU_PIXELS = 1 << 18
"""Pixels at once, as an extractor of a user sees them, that a CPU is fastest at: 64 images of 64 px, or 5 of 224 px."""

MOST: dict[Pass, int] = {"features": 4096, "gradient": 2048, "decoding": 4096}
"""Images at once on an accelerator: larger batches were no faster on an H200."""
MOST_NUMBERS = 1 << 26
"""Numbers in a batch on an accelerator: it is busy with them, and a run that is cancelled ends after it."""
SHARE = 0.5
"""Of the free memory that a batch may take; the rest is for other runs, and for what measuring missed."""
MEASURED = 32
"""Images of the pass whose memory is measured."""

_sizes: WeakKeyDictionary[Network, dict[tuple[object, ...], int]] = WeakKeyDictionary()
"""What was measured, by network; forgotten with it."""


def at_once(network: Network, shape: tuple[int, ...], device: torch.device, kind: Pass = "features") -> int:
    """The number of images that go through a network at once.

    Args:
        network: an extractor, a pipeline with one, or a decoder.
        shape: of one of its inputs, such as (C, H, W).
        device: where it computes.
        kind: of the pass.
    """
    network = _weights_of(network)
    memory = devices.memory_of(device)
    if memory is None:
        return _on_cpu(network, kind)
    sizes, key = _sizes.setdefault(network, {}), (kind, shape, device)
    if key not in sizes:
        sizes[key] = _measured(network, shape, device, kind, memory)
    return sizes[key]


def halved(network: Network, size: int, error: torch.OutOfMemoryError) -> int:
    """The number to go on with after one that did not fit; the next `at_once` measures again.

    Others may have taken the memory for a while only, so that the smaller number is not remembered.

    Args:
        network: see `at_once`.
        size: images in the batch that did not fit.
        error: the error that it raised.

    Raises:
        OutOfMemoryError: the batch was a single image.
    """
    _sizes.pop(_weights_of(network), None)
    return devices.halved(size, error)


def next_count(start: int, total: int, size: int, device: torch.device) -> int:
    """How many images to take next.

    On a CPU, batches are equal parts of blocks of `CPU["features"]`, so that none is of a single image if another could
    share it: torch has other products for those, with other last digits.

    Args:
        start: images done.
        total: images in all.
        size: images at once, at most.
        device: where they go.
    """
    block = CPU["features"] if device.type == "cpu" else size
    left = min(block - start % block, total - start)
    return math.ceil(left / math.ceil(left / size))


def _weights_of(network: Network) -> Network:
    """What a run shares with the next: its pipeline is new, the extractor in it is not."""
    extractor: Network = getattr(network, "extractor", network)
    return extractor


def _on_cpu(network: Network, kind: Pass) -> int:
    info = getattr(network, "info", None)
    if kind != "features" or info is None or not names.is_user_supplied(info.name):
        return CPU[kind]
    side: int = network.input_size  # type: ignore[attr-defined]
    return min(CPU[kind], max(1, CPU_PIXELS // side**2))


def _measured(
    network: Network, shape: tuple[int, ...], device: torch.device, kind: Pass, memory: devices.Memory
) -> int:
    """The largest power of two whose batch fits into `SHARE` of the free memory, by what `MEASURED` images take."""
    few = MEASURED
    while True:
        try:
            taken = memory.peak(lambda: _pass(network, torch.zeros(few, *shape, device=device), kind))  # noqa: B023
            break
        except torch.OutOfMemoryError as error:
            few = devices.halved(few, error)
    fitting = int(SHARE * memory.free() * few / max(1, taken))
    most = min(fitting, MOST[kind], MOST_NUMBERS // math.prod(shape))
    return 1 << max(0, most.bit_length() - 1)


def _pass(network: Network, x: Tensor, kind: Pass) -> None:
    if kind == "gradient":
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.clone().requires_grad_()
            torch.autograd.grad(network(leaf).sum(), leaf)
    else:
        with torch.inference_mode():
            network(x)
