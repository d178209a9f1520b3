"""The device that computes, and what happens when its memory is not enough."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    """Use every core of the machine, divided among the processes that torchrun started on it."""
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
