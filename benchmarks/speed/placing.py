"""Poison placed on the fitted map, beside UMAP fitted anew on all points.

A fit anew is another map: it moves the clean points too. Both compute on the CPU only.
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
    return compared(f"{size.n:,} points, {size.m} poisons", z, poison, place)


def compared(name: str, z: Features, poison: Features, place: torch.device) -> list[measure.Row]:
    """On the map of z (n, d), and by maps of both."""
    fitted, both = projection.fit(z), np.concatenate([z, poison])

    def placed(on: projection.Map) -> Features:
        return np.concatenate([on.xy, on.place(poison)])

    ways: dict[str, Callable[[], Features]] = {
        "placed": lambda: placed(fitted),
        "map from the cache, placed": lambda: placed(projection.fit(z)),
        "fitted anew": lambda: anew(both, 0),
        "fitted anew without a seed, on all cores": lambda: anew(both, None),
    }
    taken, found = measure.in_turn(ways, place)
    moved = {way: np.linalg.norm(xy[: len(z)] - fitted.xy, axis=1) for way, xy in found.items()}
    return [
        measure.Row(name, way, taken[way], {"Clean points moved by, median": f"{np.median(moved[way]):.2f}"})
        for way in ways
    ]


def anew(z: Features, seed: int | None) -> Features:
    """(N, 2) positions by a map of features (N, d) as umap fits it, reproducible or not."""
    with projection._quiet_umap():
        return umap.UMAP(n_neighbors=projection.NEIGHBORS, random_state=seed).fit_transform(z)


text = measure.comparison
