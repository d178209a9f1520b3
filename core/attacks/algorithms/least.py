"""The best iterate of a descent, kept without making a GPU wait."""

import math

import torch
from torch import Tensor


class Least:
    """Of the iterates with the fewest failures, the one with the smallest norm.

    On a CPU an iterate is copied when it is the best so far. A GPU compares by itself, and always copies: whether it
    has to would be asked of it at every step.

    Attributes:
        x: (m, ...) the iterate.
        z: (m, d) its features.

    Args:
        start: (m, ...) an iterate, for the shape.
        asks: whether to ask the device at every step; None: where it is a CPU.
    """

    def __init__(self, start: Tensor, *, asks: bool | None = None) -> None:
        self.x = self.z = start.clone()
        self._asks = start.device.type == "cpu" if asks is None else asks
        self._fewest = math.inf
        self._norm: Tensor | float = math.inf

    def add(self, x: Tensor, z: Tensor, failures: int, norm: Tensor) -> None:
        """Compare with one more iterate; the first one is the best so far.

        Args:
            x: (m, ...) the iterate, which may change in place later.
            z: (m, d) its features, which are x itself or stay as they are.
            failures: how many samples fail the filter.
            norm: of the residual, a number on the device.
        """
        if failures > self._fewest:
            return
        value = float(norm) if self._asks else norm
        if failures < self._fewest or (self._asks and value < self._norm):
            self.x.copy_(x)
            # Features that are the iterate itself change in place, so that their copy is kept.
            self.z = self.x if z is x else z
            self._fewest, self._norm = failures, value
        elif not self._asks:
            better = norm < self._norm
            torch.where(better, x, self.x, out=self.x)
            self.z = self.x if z is x else torch.where(better, z, self.z)
            self._norm = torch.where(better, norm, self._norm)

    @property
    def norm(self) -> float:
        """The smallest norm; asking makes a GPU catch up."""
        return float(self._norm)
