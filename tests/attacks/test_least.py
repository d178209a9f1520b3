"""The best iterate: the same whether the device is asked at every step or compares by itself."""

import pytest
import torch

from core.attacks.algorithms import gradient_canceling, inversion
from core.attacks.algorithms.gradient_canceling import gradpc_target
from core.attacks.algorithms.least import Least
from core.attacks.algorithms.plan import make_plan
from core.heads import conjugate
from core.spec.events import Event
from tests import tiny


def kept(failures: list[int], norms: list[float], *, asks: bool, own_features: bool) -> tuple[float, float, float]:
    """Numbers in the iterate and in the features that are kept, and the norm."""
    x = torch.zeros(3, 2)
    best = Least(x, asks=asks)
    for step, (failing, norm) in enumerate(zip(failures, norms, strict=True)):
        x.fill_(step)  # in place, as an optimiser does
        best.add(x, torch.full((3, 5), 10.0 + step) if own_features else x, failing, torch.tensor(norm).double())
    assert best.x.unique().numel() == best.z.unique().numel() == 1
    return float(best.x[0, 0]), float(best.z[0, 0]), best.norm


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    ("failures", "norms", "step", "norm"),
    [
        ([0, 0, 0, 0], [3.0, 1.0, 2.0, 1.0], 1, 1.0),  # the first of two that are equal
        ([2, 1, 1, 2], [1.0, 9.0, 8.0, 0.5], 2, 8.0),  # fewer failures count more than the norm
        ([1, 0, 1], [1.0, 7.0, 0.1], 1, 7.0),
        ([0], [5.0], 0, 5.0),
        ([0, 0], [5.0, float("nan")], 0, 5.0),
    ],
)
def test_fewest_failures_then_the_smallest_norm(
    asks: bool, failures: list[int], norms: list[float], step: int, norm: float
) -> None:
    assert kept(failures, norms, asks=asks, own_features=False) == (step, step, norm)
    assert kept(failures, norms, asks=asks, own_features=True) == (step, 10 + step, norm)


def test_canceling_is_the_same_to_the_bit_however_often_the_device_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, plan = tiny.scene(), make_plan(tiny.scene(), tiny.spec("gc-feature"))
    theta = gradpc_target(scene, 3.0)
    expected = gradient_canceling.cancel(scene, plan, theta, 60, lambda event: None)
    monkeypatch.setattr(gradient_canceling, "Least", lambda start: Least(start, asks=False))
    assert torch.equal(gradient_canceling.cancel(scene, plan, theta, 60, lambda event: None), expected)
    assert not torch.equal(expected, scene.z[plan.base].double())


def test_matching_reports_less_often_where_a_device_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching"))
    zeta = scene.z[: plan.n_poison].double()

    def matched() -> tuple[torch.Tensor, list[Event]]:
        events: list[Event] = []
        _, x = inversion.match_with_restarts(scene, plan, zeta, 19, 0.0, 1, events.append)
        return x, events

    expected, often = matched()
    monkeypatch.setitem(conjugate.ASKED_EVERY, "cpu", 8)
    x, seldom = matched()
    assert torch.equal(x, expected)
    assert [event.done for event in often] == list(range(20))
    assert [event.done for event in seldom] == [0, 8, 16, 19]
    assert seldom[-1].values == often[-1].values


def test_a_target_is_to_the_bit_what_plain_numbers_give() -> None:
    scene = tiny.scene()
    for radius in (0.01, 0.7, 5.0):
        theta = scene.clean_head
        for _ in range(gradient_canceling.TARGET_STEPS):
            gradient = scene.problem.loss_gradient(theta)
            moved = theta + (2.0 * radius / gradient_canceling.TARGET_STEPS) * gradient / gradient.norm()
            offset = moved - scene.clean_head
            theta = scene.clean_head + offset * min(1.0, radius / float(offset.norm()))
        assert torch.equal(gradpc_target(scene, radius), theta)
