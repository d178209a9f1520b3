"""Poison placed on the fitted map, beside UMAP refitted on all points.

A refitted map also moves the clean points. Both compute on the CPU only.
"""

from collections.abc import Callable

import numpy as np
import torch
import umap

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from core.experiments import projection
from core.experiments.projection import Features


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """At the size of the default run; the features of poison lie halfway between those of two images."""
    if place.type != "cpu":
        return []
    size = Size(500, 15) if quick else Size()
    scene, plan = case(material(FEW if quick else ALL, place), size)
    z = scene.z.numpy()
    poison = (z[plan.base] + z[plan.base.roll(1)]) / 2
    return compare(f"{size.n:,} points, {size.m} poisoned samples", z, poison, place)


def compare(name: str, z: Features, poison: Features, place: torch.device) -> list[measure.Row]:
    """Compare placing poison on the fitted map with refitting.

    Args:
        name: of the case.
        z: (n, d) clean features.
        poison: (m, d) features of the poison.
        place: the CPU.
    """
    fitted, both = projection.fit(z), np.concatenate([z, poison])

    def placed(on: projection.Map) -> Features:
        return np.concatenate([on.xy, on.place(poison)])

    ways: dict[str, Callable[[], Features]] = {
        "placed": lambda: placed(fitted),
        "map from the cache, placed": lambda: placed(projection.fit(z)),
        "refitted": lambda: refit(both, 0),
        "refitted without a seed, on all cores": lambda: refit(both, None),
    }
    taken, positions = measure.in_turn(ways, place)
    moved = {way: np.linalg.norm(xy[: len(z)] - fitted.xy, axis=1) for way, xy in positions.items()}
    return [
        measure.Row(name, way, taken[way], {"Clean points moved by, median": f"{np.median(moved[way]):.2f}"})
        for way in ways
    ]


def refit(z: Features, seed: int | None) -> Features:
    """(N, 2) positions of features (N, d) by umap's own fit, reproducible if there is a seed."""
    with projection._quiet_umap():
        return umap.UMAP(n_neighbors=projection.NEIGHBORS, random_state=seed).fit_transform(z)


text = measure.comparison
