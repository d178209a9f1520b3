"""Conjugate gradients, and a preconditioner for the Hessian of a head."""

from collections.abc import Callable

import torch
from torch import Tensor

ASKED_EVERY = {"cpu": 1, "cuda": 8}
"""Steps between two questions about numbers on a device, for which a GPU would wait. Iterations beyond the end change
nothing."""
_JITTER = 1e-6
"""Share of its mean that is added to the diagonal of a block: in a sample, a class may not occur at all."""


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    tol: float,
    max_iter: int = 500,
    start: Tensor | None = None,
    precondition: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Solve `apply(x) = b` for a symmetric positive (semi)definite map, to ||r|| <= tol ||b||.

    Args:
        apply: the map, between tensors of b's shape.
        b: right-hand side, of any shape such as (c, d + 1).
        tol: relative tolerance of the residual's norm.
        max_iter: maximum number of iterations.
        start: initial x, of b's shape; None: zeros.
        precondition: an easily applied approximation of the map's inverse, symmetric and positive definite.

    Returns:
        x, of b's shape.
    """
    x = torch.zeros_like(b) if start is None else start.clone()
    r = b.clone() if start is None else b - apply(x)
    target = (tol * b.norm().double()) ** 2
    s = r if precondition is None else precondition(r)
    direction, rs = s.clone(), torch.sum(r * s)
    goes_on = torch.sum(r * r) > target
    ask = ASKED_EVERY[b.device.type]
    for i in range(max_iter):
        if i % ask == 0 and not bool(goes_on):
            break
        product = apply(direction)
        curvature = torch.sum(direction * product)
        # Numerically flat: no better answer along this direction.
        goes_on = goes_on & (curvature > 0.0)
        step = torch.where(goes_on, rs / curvature, 0.0)
        x += step * direction
        r -= step * product
        s = r if precondition is None else precondition(r)
        rs, before = torch.sum(r * s), rs
        goes_on = goes_on & ((rs if precondition is None else torch.sum(r * r)) > target)
        direction = s + torch.where(goes_on, rs / before, 0.0) * direction
    return x


def by_class(z: Tensor, p: Tensor, ridge: Tensor) -> Callable[[Tensor], Tensor] | None:
    """The inverse of the Hessian's blocks on its diagonal, one a class, as a sample of the points has them.

    Args:
        z: (k, d + 1) features with ones of the sample.
        p: (k, c) their probabilities.
        ridge: (d + 1,) ridge of every column.

    Returns:
        The map of residuals (c, d + 1), in the precision of z; None where a block is singular.
    """
    blocks = torch.stack([(z * (q * (1 - q))[:, None]).T @ z for q in p.to(z).unbind(1)]) / len(z)
    diagonal = blocks.diagonal(dim1=1, dim2=2)
    diagonal += ridge.to(z)
    diagonal += _JITTER * diagonal.mean()
    factors, failed = torch.linalg.cholesky_ex(blocks)
    if bool(failed.any()):
        return None
    return lambda r: torch.cholesky_solve(r.unsqueeze(2), factors).squeeze(2)
