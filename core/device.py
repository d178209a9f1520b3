"""Which device computes."""

import torch

from core.errors import DeviceError

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


def describe(device: torch.device) -> str:
    """A name to print: "cpu", or the GPU's own."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
