"""The optimiser of poison: projected Adam, without the seconds that importing torch's optimisers by class takes."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.adam import adam


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
        self._lr, self._least, self._steps, self._done = lr, 0.1 * lr, max(1, steps), 0
        self._moments = torch.zeros_like(self.x), torch.zeros_like(self.x)
        self._count = torch.zeros((), device=self.x.device)

    def step(self, gradient: Tensor) -> None:
        """Take a step along the gradient, (m, d) or (m, C, H, W), and project."""
        # As a function: `torch.optim.Adam` imports torch's compiler, which takes a second.
        first, second = self._moments
        adam(
            [self.x],
            [gradient],
            [first],
            [second],
            [],
            [self._count],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.99,
            lr=self._lr,
            weight_decay=0.0,
            eps=1e-30,  # gradients of the head are tiny compared with Adam's usual epsilon
            maximize=True,
        )
        self._done += 1
        # Step by step, as torch's CosineAnnealingLR does it: the closed form differs in last digits.
        now, before = (1 + math.cos(math.pi * t / self._steps) for t in (self._done, self._done - 1))
        if self._done <= self._steps:
            self._lr = now / before * (self._lr - self._least) + self._least
        projected = self._project(self.x)
        if projected is not self.x:
            self.x.copy_(projected)
