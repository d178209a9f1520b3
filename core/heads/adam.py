"""Adam by torch's function: its optimisers by class import torch's compiler, which takes one to two seconds."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam (arXiv 1412.6980), or AdamW where weights decay, to the bit as torch's optimisers of these names.

    Args:
        tensors: what is optimised, changed in place.
        betas: decay of the moments.
        eps: added to the root of the second moment.
        weight_decay: decoupled, as in AdamW (arXiv 1711.05101).
        fused: whether all is done in one kernel, which differs in last digits; None: as torch chooses on the device.
        maximise: whether steps ascend.
    """

    def __init__(
        self,
        tensors: Iterable[Tensor],
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool | None = None,
        maximise: bool = False,
    ) -> None:
        self._tensors = list(tensors)
        self._first, self._second = ([torch.zeros_like(one) for one in self._tensors] for _ in range(2))
        self._counts = [torch.zeros((), device=one.device if fused else "cpu") for one in self._tensors]
        self._betas, self._eps, self._weight_decay = betas, eps, weight_decay
        self._fused, self._maximise = fused, maximise

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], lr: float) -> None:
        """Take a step.

        Args:
            gradients: one for each tensor, of its shape.
            lr: step size.
        """
        adam(
            self._tensors,
            list(gradients),
            self._first,
            self._second,
            [],
            self._counts,
            fused=self._fused,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=lr,
            weight_decay=self._weight_decay,
            eps=self._eps,
            maximize=self._maximise,
            decoupled_weight_decay=self._weight_decay > 0,
        )


class Cosine:
    """A step size that decays along a cosine, to the bit as torch's `CosineAnnealingLR`.

    Attributes:
        lr: of the next step.
    """

    def __init__(self, lr: float, least: float, steps: int) -> None:
        """Begin at `lr`, to end at `least` after `steps`, where it stays."""
        self.lr = lr
        self._least, self._steps, self._done = least, steps, 0

    def advance(self) -> None:
        """A step was taken."""
        self._done += 1
        if self._done <= self._steps:
            # Step by step, as torch does it: the closed form differs in last digits.
            now, before = (1 + math.cos(math.pi * t / self._steps) for t in (self._done, self._done - 1))
            self.lr = now / before * (self.lr - self._least) + self._least
