"""The device that computes, and what happens when its memory is not enough."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.system import allocator
from core.system.errors import DeviceError, InsufficientMemory

DEVICES = ("auto", "cpu", "cuda")


def choose(name: str) -> torch.device:
    """The device with a name of `DEVICES`; "auto" is a GPU if there is one, else the CPU.

    Raises:
        DeviceError: the name is unknown, or there is no GPU.
    """
    if name not in DEVICES:
        raise DeviceError(f"Unknown device {name!r}. Allowed: {', '.join(DEVICES)}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("Device cuda was asked for, but torch sees no GPU here. Use --device auto or cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def use_all_cores() -> None:
    """Use every core of the machine, divided among the processes that torchrun started on it; keep freed memory."""
    allocator.keep_freed()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def describe(device: torch.device) -> str:
    """The device's name for printing: "cpu", or the GPU's model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def tensors(arrays: Mapping[str, NDArray[Any]], device: torch.device) -> dict[str, Tensor]:
    """Copies of arrays on a device, with names and shapes unchanged: floats as float32, integers as int64."""
    copies = {name: torch.from_numpy(np.array(array)).to(device) for name, array in arrays.items()}
    return {name: copy.float() if copy.is_floating_point() else copy.long() for name, copy in copies.items()}


@contextmanager
def explain_out_of_memory() -> Iterator[None]:
    """Turn an out-of-memory error into a message that says what to do; smaller batches have been tried before.

    Raises:
        InsufficientMemory: instead of the error of torch or Python.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InsufficientMemory(
            "The memory of the GPU is not enough, even for a single image at a time: choose fewer training images, a "
            "smaller input size or a smaller extractor, or compute on the CPU (--device cpu)."
        ) from error
    except MemoryError as error:
        raise InsufficientMemory(
            "The memory of this machine is not enough: choose fewer training images, a smaller input size or a smaller "
            "budget."
        ) from error


def halved(size: int, error: torch.OutOfMemoryError) -> int:
    """The batch size to try after one that did not fit into memory; frees torch's cached memory.

    Args:
        size: images in the batch that did not fit.
        error: the error that it raised.

    Raises:
        OutOfMemoryError: the batch was a single image.
    """
    if size <= 1:
        raise error
    torch.cuda.empty_cache()  # without a GPU it does nothing
    return size // 2


class Memory(Protocol):
    """The memory of an accelerator."""

    def free(self) -> int:
        """Bytes that torch can still hand out in this process."""

    def peak(self, work: Callable[[], object]) -> int:
        """Most bytes that work takes beyond those that are taken when it begins."""


@dataclass(frozen=True)
class _CudaMemory:
    device: torch.device

    def free(self) -> int:
        free, _ = torch.cuda.mem_get_info(self.device)
        cached = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(free + cached)

    def peak(self, work: Callable[[], object]) -> int:
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        work()
        return int(torch.cuda.max_memory_allocated(self.device) - before)


def memory_of(device: torch.device) -> Memory | None:
    """The memory of an accelerator; None for the CPU, which computes in the machine's."""
    return _CudaMemory(device) if device.type == "cuda" else None


def empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Host memory of a shape that a device copies from and to while the host goes on: pinned, if it is a GPU."""
    return torch.empty(shape, dtype=dtype, pin_memory=device.type == "cuda")


class Queue:
    """The work that a GPU has before it, of which there is never more than a few pieces; without a GPU, nothing.

    Args:
        device: that works.
        most: pieces of work that may be waiting when one more is added.
    """

    def __init__(self, device: torch.device, most: int) -> None:
        self._device, self._most = device, most
        self._events: deque[torch.cuda.Event] = deque()

    def add(self) -> None:
        """Count what was launched since the last call as a piece, and wait until it is not one too many."""
        if self._device.type != "cuda":
            return
        self._events.append(torch.cuda.current_stream(self._device).record_event())
        if len(self._events) > self._most:
            self._events.popleft().synchronize()


def wait(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def on_host(tensor: Tensor) -> Tensor:
    """A tensor in host memory: itself, or a copy by way of pinned memory, which is several times as fast."""
    if tensor.device.type == "cpu":
        return tensor
    host = empty(tuple(tensor.shape), tensor.dtype, tensor.device)
    return host.copy_(tensor)
