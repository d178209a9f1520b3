"""Contrastive losses against slow, obvious versions."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.pretraining.methods import METHODS, MoCo, nt_xent


def unit(n: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_nt_xent_equals_the_definition() -> None:
    a, b, temperature = unit(4, 0), unit(4, 1), 0.3
    both = [*a, *b]
    total = 0.0
    for i in range(8):
        partner = (i + 4) % 8
        scores = [math.exp(float(both[i] @ both[k]) / temperature) for k in range(8) if k != i]
        total -= math.log(math.exp(float(both[i] @ both[partner]) / temperature) / sum(scores))
    assert float(nt_xent(a, b, temperature)) == pytest.approx(total / 8, rel=1e-5)


def tiny_moco(length: int = 6) -> MoCo:
    torch.manual_seed(0)
    return MoCo(nn.Sequential(nn.Flatten(), nn.Linear(4, 8)), 8, 0.2, momentum=0.9, length=length)


def test_moco_keys_fill_the_queue_in_turn_and_wrap_around() -> None:
    method = tiny_moco()
    x = torch.rand(4, 1, 2, 2)
    before = method.queue.clone()
    method(x, x)
    assert torch.equal(method.queue, before), "the loss still needs it"
    method.after_step()
    assert int(method.position) == 4
    assert torch.equal(method.queue[4:], before[4:])
    assert not torch.equal(method.queue[:4], before[:4])
    torch.testing.assert_close(method.queue[:4].norm(dim=1), torch.ones(4))
    method(x, x)
    method.after_step()
    assert int(method.position) == 2
    assert torch.equal(method.queue[4:].norm(dim=1).round(), torch.ones(2))


def test_the_slow_copy_follows_and_takes_no_gradient() -> None:
    method = tiny_moco()
    (slow, fast) = (next(part.parameters()) for part in (method.slow, method.backbone))
    with torch.no_grad():
        fast.add_(1.0)
    expected = 0.9 * slow + 0.1 * fast
    method.after_step()
    torch.testing.assert_close(slow, expected)
    method(torch.rand(4, 1, 2, 2), torch.rand(4, 1, 2, 2)).backward()
    assert slow.grad is None
    assert fast.grad is not None


@pytest.mark.parametrize("name", METHODS)
def test_equal_views_cost_less_than_strange_ones(name: str) -> None:
    torch.manual_seed(0)
    method = METHODS[name](nn.Sequential(nn.Flatten(), nn.Linear(4, 8)), 8, 0.2)
    x = torch.rand(16, 1, 2, 2)
    assert float(method(x, x).detach()) < float(method(x, x.flip(0)).detach())
