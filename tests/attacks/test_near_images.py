"""Stage 2 within reach of images: what is near an image has that image beside it."""

import pytest
import torch

from core.attacks.algorithms.implicit import DAMPING, Damage
from core.attacks.algorithms.near_images import near_features
from core.attacks.algorithms.plan import make_plan
from core.attacks.execution import execute
from core.attacks.ft_matching import FTMatching
from core.spec.events import Event, silent
from core.spec.experiment import parse_spec
from tests import tiny


def damage(scene, plan, zeta) -> float:
    return Damage(scene, plan.y).probe(zeta.double(), tol=1e-8, cg_tol=1e-6, damping=DAMPING).damage


@pytest.mark.parametrize("constraint", ["valid", "perturbation"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_every_feature_is_near_its_witness_which_is_an_allowed_image(constraint: str, rounds: int) -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", constraint=constraint, label_rule="clean"))
    base = scene.images[plan.base]
    near = near_features(scene, plan, base, 0.3, rounds=rounds, steps=9, lr=0.3)
    # Written out: each image as it is exported, its features, and the distance.
    for i in range(plan.n_poison):
        exported = (near.x[i] * 255).round() / 255
        assert torch.allclose(exported, near.x[i], atol=1e-6)
        assert 0 <= float(near.x[i].min()) <= float(near.x[i].max()) <= 1
        if constraint == "perturbation":
            assert float((near.x[i] - base[i]).abs().max()) <= plan.feasible.delta + 1e-6  # type: ignore[operator]
        own = scene.features(near.x[i][None])[0].double()
        assert float((near.zeta[i] - own).norm()) <= 0.3 * float(own.norm()) + 1e-5
    assert float(near.distance.max()) <= 0.3 + 1e-6
    assert float(near.distance.mean()) > 0.1
    assert damage(scene, plan, near.zeta) > damage(scene, plan, scene.z[plan.base])
    assert (near.x == base).all() == (rounds == 1)


def test_at_distance_0_they_are_the_features_of_images() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching"))
    near = near_features(scene, plan, scene.images[plan.base], 0.0, rounds=1, steps=4, lr=0.3, boxed=False)
    torch.testing.assert_close(near.zeta.float(), scene.z[plan.base], atol=1e-5, rtol=1e-5)


def test_a_larger_distance_that_starts_from_a_smaller_one_is_no_worse_on_the_training_set() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule="clean", budget=0.1))
    x, start, accuracies = scene.images[plan.base], None, []
    for rho in (0.1, 0.3, 0.9):
        near = near_features(scene, plan, x, rho, rounds=1, steps=8, lr=0.3, boxed=False, start=start)
        start = near.zeta
        theta = scene.retrained(near.zeta, plan.y)
        accuracies.append(
            float(
                (theta @ torch.cat([scene.z.double(), torch.ones(300, 1)], 1).T).argmax(0).eq(scene.y).double().mean()
            )
        )
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[-1] < accuracies[0]


def test_features_stay_in_the_clean_range_where_it_is_asked_for() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule="clean"))
    x = scene.images[plan.base]
    low, high = scene.box
    outside = []
    for boxed in (True, False):
        zeta = near_features(scene, plan, x, 2.0, rounds=1, steps=12, lr=0.5, boxed=boxed).zeta
        outside.append(float(((zeta - high).clamp_min(0) + (low - zeta).clamp_min(0)).max()))
    assert outside[0] <= 1e-6 < outside[1]


def test_what_has_to_pass_a_filter_starts_and_stays_near() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("ft-matching", label_rule="clean", evade="sphere"))
    near = near_features(scene, plan, scene.images[plan.base], 0.5, rounds=2, steps=8, lr=0.3)
    assert float(near.distance.max()) <= 0.5 + 1e-6
    assert bool(plan.feasible.features(near.zeta, plan.y).isfinite().all())


def test_the_attack_near_images_leaves_the_old_one_as_it_was() -> None:
    old = parse_spec({"attack": "ft-matching"})
    assert old.hash == parse_spec({"attack": {"name": "ft-matching", "near": 0}}).hash
    assert "near" not in old.to_json()
    assert parse_spec({"attack": {"name": "ft-matching", "near": 0.5}}).hash != old.hash


def test_the_attack_matches_from_the_witnesses_too() -> None:
    """With a small distance, its images come nearer to their features than those that only start from real ones."""
    scene = tiny.scene()
    spec = tiny.spec("ft-matching", label_rule="clean", budget=0.04)
    settings = FTMatching(near=0.2, steps=16, match_steps=4, finish_steps=0)
    events: list[Event] = []
    made = execute(spec.model_copy(update={"attack": settings}), scene, events.append)
    assert made.x is not None
    assert made.zeta is not None
    z = scene.features(made.x).double()
    assert float(((z - made.zeta).norm(dim=1) / z.norm(dim=1)).mean()) < 0.3
    boxed = execute(spec.model_copy(update={"attack": replace_near(settings)}), scene, silent)
    assert boxed.x is not None
    assert boxed.zeta is not None
    other = scene.features(boxed.x).double()
    assert float(((other - boxed.zeta).norm(dim=1) / other.norm(dim=1)).mean()) > 0.4
    stage2 = [event.done for event in events if event.stage == "stage2"]
    assert stage2 == sorted(stage2)
    assert events[-1].stage == "invert"
    assert events[-1].done == events[-1].total


def replace_near(settings: FTMatching) -> FTMatching:
    return settings.model_copy(update={"near": 0.0})


def test_gradient_canceling_reads_no_distance() -> None:
    assert "near" in FTMatching(stage2="gc", near=0.5).unread("clean")
    assert "near" not in FTMatching(near=0.5).unread("clean")
    assert not FTMatching(stage2="gc", near=0.5).is_near
