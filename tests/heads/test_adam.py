"""Adam by function beside torch's optimisers by class."""

import pytest
import torch

from core.heads.adam import Adam, Cosine


@pytest.mark.parametrize("fused", [None, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_those_of_torch(dtype: torch.dtype, weight_decay: float, *, fused: bool | None) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 5), (3,), (2, 1, 4, 4))
    ours = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
    theirs = [one.clone() for one in ours]
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    torchs = kind(theirs, lr=0.1, weight_decay=weight_decay, fused=fused)
    decays = torch.optim.lr_scheduler.CosineAnnealingLR(torchs, T_max=30)
    adam, decay = Adam(ours, weight_decay=weight_decay, fused=fused), Cosine(0.1, 0.0, 30)
    for _ in range(30):
        gradients = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
        for one, gradient in zip(theirs, gradients, strict=True):
            one.grad = gradient.clone()
        torchs.step()
        decays.step()
        adam.step(gradients, decay.lr)
        decay.advance()
        assert all(map(torch.equal, ours, theirs))


def test_the_step_size_stays_at_its_end() -> None:
    decay = Cosine(1.0, 0.1, 4)
    sizes = []
    for _ in range(6):
        sizes.append(decay.lr)
        decay.advance()
    assert sizes == pytest.approx([1.0, 0.1 + 0.9 * (1 + 2**-0.5) / 2, 0.55, 0.1 + 0.9 * (1 - 2**-0.5) / 2, 0.1, 0.1])
