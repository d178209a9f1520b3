"""Features and labels that break careless code: uneven and tiny classes, classes without spread, copies, dead units."""

import math
from typing import Any

import numpy as np

from core.system.arrays import Array

CLASSES = 3
WIDTH = 6
POISON = 4
KINDS = (
    "uneven classes",
    "classes of one and two",
    "one constant class",
    "constant classes",
    "two points",
    "copies",
    "copies under all labels",
    "one live coordinate",
    "one binary coordinate",
    "two live coordinates",
)


def odd(kind: str) -> tuple[Array, Array]:
    """Features (45, 6) float32 and labels (45,) of three classes, of one of `KINDS`; seeded."""
    n = 45
    y = np.repeat(np.arange(CLASSES), n // CLASSES)
    if kind == "uneven classes":
        y = np.repeat(np.arange(CLASSES), [38, 5, 2])
    if kind == "classes of one and two":
        y = np.repeat(np.arange(CLASSES), [42, 2, 1])
    z = np.random.default_rng(0).normal(size=(n, WIDTH)).astype(np.float32)
    z[np.arange(n), y] += 3
    if kind == "one constant class":
        z[y == 1] = 1
    if kind == "constant classes":
        z = 3 * np.eye(CLASSES, WIDTH, dtype=np.float32)[y]
    if kind == "two points":
        z = np.where(y == 0, np.float32(1), np.float32(-1))[:, None] * np.ones(WIDTH, np.float32)
    if kind == "copies":
        z = np.repeat(z[::9], 9, axis=0)
    if kind == "copies under all labels":
        z = np.tile(z[:3], (n // 3, 1))
    if kind in ("one live coordinate", "one binary coordinate"):
        z[:, 1:] = 0
    if kind == "one binary coordinate":
        z = np.sign(z)
    if kind == "two live coordinates":
        z[:, 2:] = 0
    return z, y


def odd_run(kind: str) -> dict[str, Array]:
    """The arrays of a run on `odd` data: its poison are copies of clean points under the next label."""
    z, y = odd(kind)
    rows = np.linspace(0, len(y) - 1, POISON).astype(int)
    return {
        **{"train_z": z, "train_y": y, "test_z": z[::2], "test_y": y[::2]},
        **{"poison_z": z[rows], "poison_y": (y[rows] + 1) % CLASSES},
    }


def all_finite(value: Any) -> bool:
    """Whether no number in plain data is NaN or infinite."""
    if isinstance(value, dict):
        return all(map(all_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(all_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
