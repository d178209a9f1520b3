"""What holds for every attack, whatever it does: parametrised over the registry, with the plug-ins of `examples/`."""

from itertools import cycle

import pytest
import torch

from core.attacks import registry
from core.attacks.algorithms.base import Attacked
from core.attacks.algorithms.plan import allowed_bases, make_plan
from core.attacks.execution import execute
from core.attacks.registry import RECORDS
from core.heads import logistic as head
from core.spec.events import STAGES, Event, silent
from core.spec.experiment import ExperimentSpec, LabelRule
from core.spec.models import parameters
from core.spec.registry import ATTACKS, EVADABLE
from core.system.errors import Cancelled
from tests import tiny
from tests.plugins import BLEND, NORM, loaded

pytestmark = pytest.mark.usefixtures("examples")

RULES: tuple[LabelRule, ...] = ("clean", "random", "adversarial", "chosen")
with loaded(BLEND, NORM):
    NAMES = list(RECORDS)
    CASES = [
        (record.name, constraint, rule)
        for record in RECORDS.values()
        for constraint in record.constraints
        for rule in record.label_rules
    ]
    EVADING = [(*case, None) for case in CASES] + [
        (*case, evade) for case, evade in zip(CASES, cycle(EVADABLE), strict=False)
    ]
    STAGED = [record.name for record in RECORDS.values() if record.stages]


def attack(spec: ExperimentSpec) -> Attacked:
    return execute(spec, tiny.scene(), silent)


def test_every_attack_of_the_spec_is_here_and_described() -> None:
    assert registry.RECORDS.keys() == ATTACKS.keys()
    assert tiny.ATTACK_SETTINGS.keys() == registry.RECORDS.keys()
    assert list(registry.RECORDS) == NAMES


@pytest.mark.parametrize(("name", "constraint", "rule", "evade"), EVADING)
def test_the_rules_hold(name: str, constraint: str, rule: LabelRule, evade: str | None) -> None:
    spec = tiny.spec(name, constraint=constraint, label_rule=rule, delta=10.5 / 255, evade=evade)
    scene, attacked = tiny.scene(), attack(spec)
    m = round(0.04 * 300)
    assert len(attacked.y) == len(attacked.base) == m
    assert attacked.base.min() >= 0
    assert attacked.base.max() < 300
    true = scene.y[attacked.base]
    if rule == "clean":
        assert torch.equal(attacked.y, true)
    elif rule != "chosen":
        assert bool((attacked.y != true).all())
    if rule == "adversarial":
        logits = head.logits(scene.clean_head, scene.z[attacked.base])
        logits[torch.arange(m), true] = torch.inf
        assert torch.equal(attacked.y, logits.argmin(1))
    if attacked.zeta is not None and constraint != "none":
        assert bool((attacked.zeta >= scene.z.amin(0) - 1e-12).all())
        assert bool((attacked.zeta <= scene.z.amax(0) + 1e-12).all())
    if attacked.x is not None and constraint != "none":
        grey = attacked.x * 255
        assert torch.equal(grey.round() / 255, attacked.x)
        assert attacked.x.min() >= 0
        assert attacked.x.max() <= 1
        if constraint == "perturbation":
            # 10.5 / 255 holds ten whole grey levels.
            assert (grey.round() - (scene.images[attacked.base] * 255).round()).abs().max() <= 10
    if evade is not None:
        filter_ = make_plan(scene, spec).feasible.filter
        assert filter_ is not None
        if attacked.zeta is not None:
            assert bool(filter_.passes(attacked.zeta.float(), attacked.y).all())
        passes = filter_.passes(attacked.zeta if attacked.x is None else scene.features(attacked.x), attacked.y)
        # An image can be drawn back to its base image, but under some labels not even that passes.
        assert bool((passes | ~filter_.passes(scene.z[attacked.base], attacked.y)).all())
        assert attacked.notes["evaded"] == float(passes.double().mean())


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    # Bases of the largest influence are the same for every seed on the same images.
    values = {"attack": {"bases": "sample"}} if "bases" in parameters(ATTACKS[name]) else {}
    first, again, other = (attack(tiny.spec(name, seed=seed, **values)) for seed in (3, 3, 4))
    for field in ("y", "base", "target", "zeta", "x"):
        a, b = getattr(first, field), getattr(again, field)
        assert (a is None and b is None) or torch.equal(a, b)
    assert not torch.equal(first.base, other.base)


@pytest.mark.parametrize("name", NAMES)
def test_progress_is_told_in_the_order_of_the_stages(name: str) -> None:
    events: list[Event] = []
    execute(tiny.spec(name), tiny.scene(), events.append)
    order = [list(STAGES).index(event.stage) for event in events]
    assert order == sorted(order)
    assert {event.stage for event in events} <= {stage.name for stage in RECORDS[name].stages}
    assert bool(events) == bool([stage.name for stage in RECORDS[name].stages])
    assert all(event.done <= event.total for event in events)
    if events:
        assert any(event.values for event in events)


@pytest.mark.parametrize("name", STAGED)
@pytest.mark.parametrize("after", [0, 3])
def test_an_observer_can_stop_it(name: str, after: int) -> None:
    n_events = 0

    def stop(event: Event) -> None:
        nonlocal n_events
        n_events += 1
        if n_events > after:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        execute(tiny.spec(name), tiny.scene(), stop)
    assert n_events == after + 1


def test_random_labels_are_uniform_over_the_wrong_ones() -> None:
    spec = tiny.spec("label-flip", label_rule="random", budget=1.0)
    plan = make_plan(tiny.scene(), spec)
    shift = (plan.y - tiny.scene().y[plan.base]) % 10
    counts = torch.bincount(shift, minlength=10)
    assert counts[0] == 0
    assert counts[1:].min() >= 15
    assert counts[1:].max() <= 55


def test_allowed_bases_equal_the_slow_version() -> None:
    scene = tiny.scene()
    for rule in RULES:
        plan = make_plan(scene, tiny.spec("ft-matching", label_rule=rule))
        allowed = allowed_bases(scene, plan)
        for i in range(plan.n_poison):
            for j in range(0, 300, 29):
                expected = scene.y[j] != plan.y[i] if rule == "random" else plan.label_for[j] == plan.y[i]
                assert allowed[i, j] == (rule == "chosen" or expected)
