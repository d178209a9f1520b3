"""Poison placed on the fitted map, beside UMAP refitted on all points.

A refitted map also moves the clean points.
"""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.speed import measure
from benchmarks.speed.material import ALL, FEW, Size, case, material
from core.experiments import projection, umap_torch
from core.experiments.projection import Features


def rows(place: torch.device, *, quick: bool) -> list[measure.Row]:
    """At the size of the default run; the features of poison lie halfway between those of two images."""
    size = Size(500, 15) if quick else Size()
    scene, plan = case(material(FEW if quick else ALL, place), size)
    z = scene.z.cpu().numpy()
    base = plan.base.cpu()
    poison = (z[base] + z[base.roll(1)]) / 2
    return compare(f"{size.n:,} points, {size.m} poisoned samples", z, poison, place)


def compare(name: str, z: Features, poison: Features, place: torch.device) -> list[measure.Row]:
    """Compare placing poison on the fitted map with refitting.

    Args:
        name: of the case.
        z: (n, d) clean features.
        poison: (m, d) features of the poison.
        place: where to compute.
    """
    fitted, both = projection.fit(z, device=place), np.concatenate([z, poison])

    def placed(on: projection.Map) -> Features:
        return np.concatenate([on.xy, on.place(poison)])

    ways: dict[str, Callable[[], Features]] = {
        "placed": lambda: placed(fitted),
        "map from the cache, placed": lambda: placed(projection.fit(z, device=place)),
        "refitted": lambda: refit(both, place),
    }
    taken, positions = measure.in_turn(ways, place)
    moved = {way: np.linalg.norm(xy[: len(z)] - fitted.xy, axis=1) for way, xy in positions.items()}
    return [
        measure.Row(name, way, taken[way], {"Clean points moved by, median": f"{np.median(moved[way]):.2f}"})
        for way in ways
    ]


def refit(z: Features, place: torch.device) -> Features:
    """(N, 2) positions of features (N, d) by another fit, past all caches."""
    start = np.ascontiguousarray(10 * z[:, :2] / max(float(np.abs(z[:, :2]).max()), 1e-12))
    points = torch.from_numpy(np.ascontiguousarray(z)).to(place)
    return umap_torch.fit(points, start, projection.NEIGHBORS, 0, is_laid_out=False)[0]


text = measure.comparison
