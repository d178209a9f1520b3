"""Checkpoints that are built of any bytes: mostly a network's entries under some prefix, some of them changed."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from core.extractors.architectures import skeleton
from tests.fuzz.structure import Choices

KEYS = ("", "state_dict", "state_dict_ema", "model", "teacher", "student", "optimizer", "net/inner", "0")
PREFIXES = (
    "",
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "encoder_q.",
    "encoder_k.",
    "ema.",
    "a.b.c.",
    "a.layer1.0.",
)
EXTRAS = ("fc.weight", "projector.0.bias", "mask_token", "decoder.x", "layer1.9.conv1.weight", "other", "bn.", ".", "")
ODD = (torch.nan, torch.inf, 1e300)


@cache
def entries(arch: str, value: float) -> dict[str, Tensor]:
    """The entries of an architecture of our own, all of one value, which takes no room."""
    return {
        name: torch.full((), value, dtype=entry.dtype).expand(entry.shape)
        for name, entry in skeleton("own", arch).state_dict().items()
    }


def checkpoint(choices: Choices, arch: str) -> dict[str, Any]:
    """What a file could hold: one to three copies of an architecture's entries, each of another value, some changed."""
    content: dict[str, Any] = {}
    places = dict.fromkeys((choices.one(KEYS), choices.one(PREFIXES)) for _ in range(1 + choices.one((0, 0, 1, 2))))
    for copy, (keys, prefix) in enumerate(places):
        inner = content
        for key in filter(None, keys.split("/")):
            inner = inner.setdefault(key, {})
        for name, value in _changed(choices, entries(arch, copy + 1.0)).items():
            inner[prefix + name] = value
    return content


def _changed(choices: Choices, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    changed = dict(tensors)
    for _ in range(choices.one((0, 0, 0, 0, 0, 1, 1, 2))):
        name = choices.one(sorted(changed))
        match choices.number(5):
            case 0:
                del changed[name]
            case 1:
                changed[name] = changed[name][None]
            case 2:
                changed[name] = torch.full_like(changed[name], choices.one(ODD), dtype=torch.float64)
            case 3:
                changed[name] = changed[name].to(choices.one((torch.int8, torch.float16, torch.bool, torch.complex64)))
            case _:
                changed[choices.one(EXTRAS)] = torch.ones(choices.number(3))
    return changed
