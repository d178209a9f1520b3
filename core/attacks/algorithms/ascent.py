"""The optimiser of poison: projected Adam."""

from collections.abc import Callable

from torch import Tensor

from core.heads.adam import Adam, Cosine


class Ascent:
    """Projected Adam, ascending, with cosine decay.

    Attributes:
        x: the iterate, features (m, d) or images (m, C, H, W), changed in place.
    """

    def __init__(self, start: Tensor, lr: float, steps: int, project: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        """Start at the projection of `start`.

        Args:
            start: (m, d) or (m, C, H, W).
            lr: initial step size; it decays to a tenth.
            steps: over which it decays.
            project: onto the feasible set; may work in place.
        """
        self.x = project(start.detach().clone())
        self._project = project
        # Gradients of the head are tiny compared with Adam's usual epsilon.
        self._adam = Adam([self.x], betas=(0.9, 0.99), eps=1e-30, fused=True, maximise=True)
        self._decay = Cosine(lr, 0.1 * lr, max(1, steps))

    def step(self, gradient: Tensor) -> None:
        """Take a step along the gradient, (m, d) or (m, C, H, W), and project."""
        self._adam.step([gradient], self._decay.lr)
        self._decay.advance()
        projected = self._project(self.x)
        if projected is not self.x:
            self.x.copy_(projected)
