"""Images under optimisation: their features, and gradients pulled back from features to pixels, in chunks."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from core.attacks.algorithms.base import Feasible, Plan, Scene
from core.attacks.algorithms.implicit import Pull
from core.extractors import batches
from core.spec.events import Snapshot


class Canvas:
    """The m images that an attack optimises, under the constraint relative to their base images.

    Features are those of the images as they will be exported: pixels are rounded to 8 bits, with a straight-through
    gradient.

    Args:
        pipeline: f, from images (m, C, H, W) to features (m, d).
        base: (m, C, H, W) base images.
        feasible: the constraint.
        y: (m,) labels of the poison.
    """

    def __init__(self, pipeline: Callable[[Tensor], Tensor], base: Tensor, feasible: Feasible, y: Tensor) -> None:
        self.base = base
        self.y = y
        self._pipeline = pipeline
        self._feasible = feasible
        self._size = batches.at_once(pipeline, tuple(base.shape[1:]), base.device, "gradient")

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
        """A snapshot for observers; see `implicit.Show`.

        Args:
            x: (m, C, H, W) images.
            z: (m, d) their features.
            theta: (c, d + 1) a head close to the one retrained with them.
        """
        return Snapshot(theta, z, self._feasible.eight_bit(x, self.base))

    def failing(self, z: Tensor) -> int:
        """How many images, of features (m, d), fail the filter; see `core.attacks.algorithms.implicit.Failing`."""
        filter_ = self._feasible.filter
        return 0 if filter_ is None else int((~filter_.passes(z, self.y)).sum())

    def chunks(self) -> list[tuple[slice, "Canvas"]]:
        """The same images as canvases of at most as many as fit at once, with their rows, for separable objectives."""
        return [(rows, Canvas(self._pipeline, self.base[rows], self._feasible, self.y[rows])) for rows in self._chunks]

    def forward(self, x: Tensor) -> tuple[Tensor, Pull]:
        """Features (m, d) of images x (m, C, H, W), and the map from ascent directions in features to those in pixels.

        The map takes (m, d) and returns (m, C, H, W); for images that fail the filter it returns a direction towards
        passing it instead. It can be called once. If all images fit one chunk, it reuses this pass's activations, else
        it recomputes them chunk by chunk. Chunks that are too large for a GPU's memory are halved, down to one image.
        """
        if len(self._chunks) == 1:
            try:
                leaf, z = self._attached(x, self._chunks[0])
                return z.detach(), self._steered(z.detach(), partial(self._pull_back, x, [(leaf, z)]))
            except torch.OutOfMemoryError as error:
                self._size = self._halved(error)
        z = self._smaller(lambda: self._in_chunks(x))
        return z, self._steered(z, partial(self._pull_back, x, []))

    def _steered(self, z: Tensor, pull: Pull) -> Pull:
        if (filter_ := self._feasible.filter) is None:
            return pull
        return lambda direction: pull(filter_.steer(z, self.y, direction))

    def _in_chunks(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([self._attached(x, rows)[1] for rows in self._chunks])

    def _pull_back(self, x: Tensor, passes: list[tuple[Tensor, Tensor]], direction: Tensor) -> Tensor:
        """The gradient in the pixels (m, C, H, W), from the pass over all images if there was one."""
        if passes:
            try:
                return _pull(*passes.pop(), direction)
            except torch.OutOfMemoryError as error:
                self._size = self._halved(error)
        return self._smaller(
            lambda: torch.cat([_pull(*self._attached(x, rows), direction[rows]) for rows in self._chunks])
        )

    def _halved(self, error: torch.OutOfMemoryError) -> int:
        return batches.halved(self._pipeline, min(self._size, len(self.base)), error)

    def _smaller(self, work: Callable[[], Tensor]) -> Tensor:
        """Call work with ever smaller chunks until it fits into memory."""
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as error:
                self._size = self._halved(error)

    def _attached(self, x: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        leaf = x[rows].detach().requires_grad_()
        exported = leaf + (self._feasible.eight_bit(leaf.detach(), self.base[rows]) - leaf.detach())
        return leaf, self._pipeline(exported)


def _pull(leaf: Tensor, z: Tensor, direction: Tensor) -> Tensor:
    # Scaled to unit norm, as the head's gradients are tiny and would lose digits in float32.
    scale = direction.norm().clamp_min(1e-30)
    # As a sum, whose gradient is the direction to the bit: given one, torch imports sympy, which takes 0.3 s.
    (gradient,) = torch.autograd.grad((z * (direction / scale).to(z.dtype)).sum(), leaf)
    scaled: Tensor = gradient * scale.to(gradient.dtype)
    return scaled
