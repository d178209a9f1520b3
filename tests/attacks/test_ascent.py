"""The optimiser of poison beside torch's own classes."""

import pytest
import torch

from core.attacks.algorithms.ascent import Ascent


@pytest.mark.parametrize(("dtype", "shape"), [(torch.float64, (6, 5)), (torch.float32, (6, 1, 4, 4))])
def test_steps_are_those_of_torchs_adam_with_cosine_decay(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator, dtype=dtype)
    ascent, theirs = Ascent(start, 0.1, 40, lambda x: x.clamp(-2, 2)), start.clamp(-2, 2)
    adam = torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99), eps=1e-30, maximize=True, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=40, eta_min=0.1 * 0.1)
    for _ in range(40):
        gradient = 1e-6 * torch.randn(shape, generator=generator, dtype=dtype)
        theirs.grad = gradient.clone()
        adam.step()
        decay.step()
        theirs.clamp_(-2, 2)
        ascent.step(gradient)
        assert torch.equal(ascent.x, theirs)
