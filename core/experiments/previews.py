"""Previews of a run's poison, made from the snapshots of its attack. They change nothing of the run."""

from functools import cached_property

import numpy as np
from PIL import Image
from torch import Tensor

from core.attacks.algorithms.base import Scene
from core.experiments import projection
from core.experiments.result import to_uint8
from core.spec.events import Event
from core.spec.preview import IMAGES, MOST_CLEAN, PIXELS, POINTS, Preview
from core.system.arrays import Array


class Previewer:
    """Makes previews of one run.

    Args:
        scene: what the attacker knows.
        clean_z, clean_y: (n, d) features and (n,) classes of the clean training set, which the map is fitted on.
        is_own: whether the attacker has points of its own, so that rows of base points are not those of the map.
    """

    def __init__(self, scene: Scene, clean_z: Tensor, clean_y: Tensor, *, is_own: bool = False) -> None:
        self._scene = scene
        self._clean_z, self._clean_y = clean_z, clean_y
        self._is_own = is_own
        self._has_sent_map = False

    def __call__(self, event: Event) -> Preview | None:
        """The preview of an event's snapshot; None without one, and before there are any poisoned samples."""
        snapshot = None if event.snapshot is None else event.snapshot()
        if snapshot is None or snapshot.z is None or snapshot.base is None or snapshot.labels is None:
            return None
        scene, base = self._scene, snapshot.base[:POINTS]
        z = snapshot.z[:POINTS].float()
        xy, clean = None, {}
        if self._map is not None:
            train_xy, place = self._map
            xy = place(_on_host(z))
            if not self._has_sent_map:
                clean = {"train_xy": train_xy, "train_y": _on_host(self._clean_y)}
                self._has_sent_map = True
        rows = _on_host(base)
        return Preview(
            stage=event.stage,
            done=int(event.done),
            total=int(event.total),
            n_poison=len(snapshot.z),
            y=_on_host(snapshot.labels[:POINTS]),
            base_y=_on_host(scene.y[base]),
            base_index=np.full_like(rows, -1) if self._is_own else rows,
            shift=_on_host((z - scene.z[base]).norm(dim=1)),
            base_x=_small(scene.images[base[:IMAGES]]) if scene.has_images else None,
            poison_x=None if snapshot.x is None else _small(snapshot.x[:IMAGES]),
            xy=xy,
            **clean,
        )

    @cached_property
    def _map(self) -> projection.Placing | None:
        """The map of the clean points, if an earlier run has fitted it: it is the same for every attack."""
        if len(self._clean_z) > MOST_CLEAN:
            return None
        return projection.known(_on_host(self._clean_z), self._clean_z)


def _on_host(values: Tensor) -> Array:
    return np.asarray(values.detach().cpu().numpy())


def _small(images: Tensor) -> Array:
    """Images (j, C, H, W) in [0, 1] as they would be exported, reduced to at most `PIXELS` a side."""
    pixels = to_uint8(_on_host(images))
    factor = -(-max(pixels.shape[2:]) // PIXELS)
    if factor <= 1:
        return pixels
    return np.stack([[np.asarray(Image.fromarray(channel).reduce(factor)) for channel in image] for image in pixels])
