"""What people see of an attack while it runs: a few samples as they are at one step. No result ever holds any of it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from core.system.arrays import Array

POINTS = 60
"""Poisoned samples of which a preview has features: the first ones."""
IMAGES = 12
"""Poisoned samples of which a preview has images: the first ones."""
PIXELS = 64
"""Longest side of an image in a preview; larger ones are reduced."""
MOST_CLEAN = 10_000
"""Clean points up to which a preview has places on the map: all of them are sent to everyone who looks."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The first k poisoned samples, and images of the first j of them, as the attack would return them now.

    Attributes:
        stage: a key of `core.spec.events.STAGES`.
        done, total: steps finished, and steps in this stage; `total` 0 means unknown.
        n_poison: number m of all poisoned samples.
        y, base_y: (k,) labels, and classes of the base points.
        base_index: (k,) rows of the base points in the training set; -1 where the attacker has points of its own.
        shift: (k,) distance in feature space from base to poison.
        base_x: (j, C, H, W) uint8 base images; None for data without images.
        poison_x: (j, C, H, W) uint8 poisoned images; None before there are any.
        xy: (k, 2) positions on the map; None where there is no map of these clean points yet.
        train_xy, train_y: (n, 2) positions and (n,) classes of the clean points; only in the first preview of a run.
    """

    stage: str
    done: int
    total: int
    n_poison: int
    y: Array
    base_y: Array
    base_index: Array
    shift: Array
    base_x: Array | None = None
    poison_x: Array | None = None
    xy: Array | None = None
    train_xy: Array | None = None
    train_y: Array | None = None

    def to_bytes(self) -> bytes:
        """As one message."""
        buffer = io.BytesIO()
        values: Mapping[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(buffer, **{name: value for name, value in values.items() if value is not None})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Preview":
        """The preview of a message."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        for name, kind in (("stage", str), ("done", int), ("total", int), ("n_poison", int)):
            values[name] = kind(values[name])
        return cls(**values)
