"""Which device computes and holds the numbers, and what happens when its memory is not enough."""

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
    """The device of a name: "auto" is a GPU where there is one.

    Raises:
        DeviceError: an unknown name, or a GPU asked for where there is none.
    """
    if name not in DEVICES:
        raise DeviceError(f"Unknown device {name!r}. Allowed: {', '.join(DEVICES)}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("Device cuda was asked for, but torch sees no GPU here. Use --device auto or cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def use_all_cores() -> None:
    """Compute on every core of the machine, or on a share of them beside other processes that torchrun started here."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def describe(device: torch.device) -> str:
    """A name to print: "cpu", or the GPU's own."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def tensors(arrays: Mapping[str, NDArray[Any]], device: torch.device) -> dict[str, Tensor]:
    """Copies on a device: fractions as float32, whole numbers as int64."""
    copies = {name: torch.from_numpy(np.array(array)).to(device) for name, array in arrays.items()}
    return {name: one.float() if one.is_floating_point() else one.long() for name, one in copies.items()}


@contextmanager
def explain_out_of_memory() -> Iterator[None]:
    """Tell a person what to do where memory runs out; what can go on in smaller parts has done so before.

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
    """How many images to try at once after so many were too many; what torch holds back is given free before.

    Raises:
        OutOfMemoryError: it was one.
    """
    if size <= 1:
        raise error
    torch.cuda.empty_cache()  # without a GPU it does nothing
    return size // 2
