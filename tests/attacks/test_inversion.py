"""Starts of feature matching: the nearest allowed real images, and the best of several."""

import pytest
import torch

from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.inversion import gaps, match_with_restarts, nearest_bases
from core.attacks.algorithms.plan import allowed_bases, make_plan
from core.spec.events import Event, silent
from tests import tiny


@pytest.mark.parametrize("rule", ["clean", "random", "adversarial"])
def test_nearest_bases_equal_the_slow_version(rule: str) -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule=rule))
    zeta = scene.z[plan.base].double() + 0.3
    allowed = allowed_bases(scene, plan)
    for i, nearest in enumerate(nearest_bases(scene, plan, zeta, 3)):
        distances = sorted((float((zeta[i].float() - scene.z[j]).norm()), j) for j in range(300) if allowed[i, j])
        assert nearest.tolist() == [j for _, j in distances[:3]]


def test_where_too_few_are_allowed_the_nearest_stands_in() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule="clean"))
    count = int(allowed_bases(scene, plan)[0].sum())
    nearest = nearest_bases(scene, plan, scene.z[plan.base], count + 2)[0]
    assert len(set(nearest[:count].tolist())) == count
    assert nearest[count:].tolist() == [int(nearest[0])] * 2
    assert bool((scene.y[nearest] == plan.y[0]).all())


def test_of_several_starts_each_poison_keeps_the_closest_match() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", constraint="perturbation"))
    zeta = scene.z[plan.base.flip(0)].double()
    events: list[Event] = []
    base, x = match_with_restarts(scene, plan, zeta, 5, 0.0, 3, events.append)
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert events[-1].done == events[-1].total == 15

    def gap_of(base: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return gaps(Canvas(scene.pipeline, scene.images[base], plan.feasible, plan.y).forward(x)[0], zeta.float())

    starts = nearest_bases(scene, plan, zeta, 3)
    assert bool((starts == base[:, None]).any(1).all())
    assert float((x - scene.images[base]).abs().max()) <= plan.feasible.delta + 1e-6  # type: ignore[operator]
    one = gap_of(*match_with_restarts(scene, plan, zeta, 5, 0.0, 1, silent))
    best = gap_of(base, x)
    assert bool((best <= one + 1e-6).all())
    assert bool((best < one - 1e-6).any())
