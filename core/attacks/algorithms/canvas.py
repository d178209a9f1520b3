"""Images under attack: their features, and gradients of features pulled back to the pixels, chunk by chunk."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.base import Feasible, Plan, Scene
from core.attacks.algorithms.implicit import Pull
from core.spec.events import Snapshot
from core.system.device import halved

CHUNK = 64
"""Images whose activations are held at once."""


class Canvas:
    """The m images that one attack paints, bound to their base images by the constraint.

    Features are those of the images as they will be exported: pixels are rounded to 8 bits, and gradients pass
    the rounding straight through.

    Attributes:
        base: (m, C, H, W) base images.
        y: (m,) labels of the poison.
    """

    def __init__(self, pipeline: Callable[[Tensor], Tensor], base: Tensor, feasible: Feasible, y: Tensor) -> None:
        self.base = base
        self.y = y
        self._pipeline = pipeline
        self._feasible = feasible
        self._size = CHUNK

    @classmethod
    def of(cls, scene: Scene, plan: Plan) -> "Canvas":
        """The canvas of a plan's base images."""
        return cls(scene.pipeline, scene.images[plan.base], plan.feasible, plan.y)

    @property
    def _chunks(self) -> list[slice]:
        return [slice(i, i + self._size) for i in range(0, len(self.base), self._size)]

    def project(self, x: Tensor) -> Tensor:
        """The nearest feasible images to x (m, C, H, W)."""
        return self._feasible.pixels(x, self.base)

    def show(self, x: Tensor, z: Tensor, theta: Tensor | None = None) -> Snapshot:
        """Images (m, C, H, W) and their features (m, d) as observers see them (`implicit.Show`)."""
        return Snapshot(theta, z, self._feasible.eight_bit(x, self.base))

    def failing(self, z: Tensor) -> int:
        """How many images of features (m, d) fail the filter; see `core.attacks.algorithms.implicit.Failing`."""
        filter_ = self._feasible.filter
        return 0 if filter_ is None else int((~filter_.passes(z, self.y)).sum())

    def chunks(self) -> list[tuple[slice, "Canvas"]]:
        """The same images as canvases of at most `CHUNK` each, with their rows, for what does not couple them."""
        return [(rows, Canvas(self._pipeline, self.base[rows], self._feasible, self.y[rows])) for rows in self._chunks]

    def forward(self, x: Tensor) -> tuple[Tensor, Pull]:
        """Features (m, d), and the map from an ascent direction in them (m, d) to one in the pixels (m, C, H, W).

        Images whose features fail the filter are sent back to where they pass, instead. The map can be called once.
        Where all images fit one chunk it reuses this pass's activations; else it makes them anew, chunk by chunk.
        Chunks that are too large for a GPU's memory are halved, down to one image.
        """
        if len(self._chunks) == 1:
            try:
                leaf, z = self._attached(x, self._chunks[0])
                return z.detach(), self._steered(z.detach(), partial(self._pull_back, x, [(leaf, z)]))
            except torch.OutOfMemoryError as error:
                self._size = halved(min(self._size, len(x)), error)
        z = self._smaller(lambda: self._in_chunks(x))
        return z, self._steered(z, partial(self._pull_back, x, []))

    def _steered(self, z: Tensor, pull: Pull) -> Pull:
        if (filter_ := self._feasible.filter) is None:
            return pull
        return lambda ahead: pull(filter_.steer(z, self.y, ahead))

    def _in_chunks(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([self._attached(x, rows)[1] for rows in self._chunks])

    def _pull_back(self, x: Tensor, passes: list[tuple[Tensor, Tensor]], ahead: Tensor) -> Tensor:
        """The gradient in the pixels (m, C, H, W), by the pass of all images at once where there was one."""
        if passes:
            try:
                return _pull(*passes.pop(), ahead)
            except torch.OutOfMemoryError as error:
                self._size = halved(min(self._size, len(x)), error)
        return self._smaller(lambda: torch.cat([_pull(*self._attached(x, rows), ahead[rows]) for rows in self._chunks]))

    def _smaller(self, work: Callable[[], Tensor]) -> Tensor:
        """Do something chunk by chunk, in smaller ones until it fits."""
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as error:
                self._size = halved(min(self._size, len(self.base)), error)

    def _attached(self, x: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        leaf = x[rows].detach().requires_grad_()
        exported = leaf + (self._feasible.eight_bit(leaf.detach(), self.base[rows]) - leaf.detach())
        return leaf, self._pipeline(exported)


def _pull(leaf: Tensor, z: Tensor, ahead: Tensor) -> Tensor:
    # Scaled by its own size: the head's gradients are tiny, and float32 keeps its digits this way.
    scale = ahead.norm().clamp_min(1e-30)
    (gradient,) = torch.autograd.grad(z, leaf, (ahead / scale).to(z.dtype))
    scaled: Tensor = gradient * scale.to(gradient.dtype)
    return scaled
