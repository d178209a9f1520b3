"""Votes of heads on parts of the data: what is certain holds against every change that is tried."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from core.attacks.execution import execute
from core.attacks.registry import RECORDS
from core.certificates import partitions
from core.certificates.evaluation import added, curve
from core.heads import logistic as head
from tests import tiny


def test_a_part_depends_on_the_point_alone() -> None:
    z, y = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), torch.arange(50) % 4
    whole = partitions.part_of(z, y, 7)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    assert torch.equal(partitions.part_of(z[order], y[order], 7), whole[order])
    assert torch.equal(partitions.part_of(z[:5], y[:5], 7), whole[:5])
    assert not torch.equal(partitions.part_of(z, (y + 1) % 4, 7), whole)
    assert set(whole.tolist()) == set(range(7))


def test_votes_are_those_of_heads_trained_one_by_one() -> None:
    scene, k = tiny.scene(), 5
    counts = partitions.votes(scene.z, scene.y, scene.z[:40], 10, 1e-2, k)
    part = partitions.part_of(scene.z, scene.y, k)
    expected = torch.zeros(40, 10, dtype=torch.int64)
    for one in range(k):
        theta = head.fit(scene.z[part == one], scene.y[part == one], 10, 1e-2)
        for image, winner in enumerate(head.logits(theta, scene.z[:40]).argmax(1).tolist()):
            expected[image, winner] += 1
    assert counts.sum(1).eq(k).all()
    # A voter is trained to a looser tolerance: a tie within it may fall the other way.
    assert float((counts != expected).double().mean()) <= 0.01


def test_the_order_of_the_data_changes_nothing() -> None:
    scene = tiny.scene()
    order = torch.randperm(len(scene.y), generator=torch.Generator().manual_seed(0))
    counts = partitions.votes(scene.z, scene.y, scene.z[:40], 10, 1e-2, 9)
    again = partitions.votes(scene.z[order], scene.y[order], scene.z[:40], 10, 1e-2, 9)
    assert torch.equal(counts, again)


@pytest.mark.parametrize("votes", list(itertools.product(range(4), repeat=3)))
def test_the_radius_is_the_largest_that_holds(votes: tuple[int, ...]) -> None:
    """Against every way in which points can move votes: each moves at most one vote of a head to any class."""
    if not any(votes):
        return
    certain = partitions.certify(torch.tensor([votes]))
    winner, radius = int(certain.predicted[0]), int(certain.radius[0])
    assert winner == int(np.argmax(votes))
    reached, stays = {votes}, 0
    while True:
        reached |= {moved for one in reached for moved in moves(one)}
        if any(int(np.argmax(one)) != winner for one in reached) or stays > sum(votes):
            break
        stays += 1
    assert radius == stays or (stays > sum(votes) and radius >= sum(votes))


def moves(votes: tuple[int, ...]) -> list[tuple[int, ...]]:
    variants = []
    for source, sink in itertools.permutations(range(len(votes)), 2):
        if votes[source]:
            moved = list(votes)
            moved[source] -= 1
            moved[sink] += 1
            variants.append(tuple(moved))
    return variants


@pytest.fixture(scope="module")
def clean() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    scene = tiny.scene()
    return scene.z[:150], scene.y[:150], scene.z[150:], scene.y[150:]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_no_attack_takes_what_is_certified(name: str) -> None:
    """Certified ≤ attacked, image by image: who is certain for m added points is right when m are added."""
    spec = tiny.spec(name)
    scene = tiny.scene()
    attacked = execute(spec, scene, lambda event: None)
    poison_z = attacked.zeta.float() if attacked.x is None else scene.pipeline(attacked.x)  # type: ignore[union-attr]
    k = 25
    before = partitions.certify(partitions.votes(scene.z, scene.y, scene.z, 10, 1e-2, k))
    z, y = torch.cat([scene.z, poison_z.detach().float()]), torch.cat([scene.y, attacked.y])
    after = partitions.certify(partitions.votes(z, y, scene.z, 10, 1e-2, k))
    is_certain = before.radius >= len(attacked.y)
    assert torch.equal(after.predicted[is_certain], before.predicted[is_certain])
    assert before.accuracy(scene.y, len(attacked.y)) <= after.accuracy(scene.y)


def test_points_can_change_what_is_not_certain(clean: tuple[Tensor, ...]) -> None:
    """The same check can fail: with more points than the radius, copies of one image under a wrong label change it."""
    z, y, test_z, _ = clean
    k = 11
    before = partitions.certify(partitions.votes(z, y, test_z, 10, 1e-2, k))
    image = int(before.radius.argmin())
    wrong = (before.predicted[image] + 1) % 10
    spread = 1e-3 * torch.randn(200, z.shape[1], generator=torch.Generator().manual_seed(0))
    poison = test_z[image] + spread
    after = partitions.certify(
        partitions.votes(torch.cat([z, poison]), torch.cat([y, wrong.expand(200)]), test_z, 10, 1e-2, k)
    )
    assert after.predicted[image] == wrong


def test_the_summary_of_a_run(clean: tuple[Tensor, ...]) -> None:
    z, y, test_z, test_y = clean
    features = {
        "train_z": z.numpy(),
        "train_y": y.numpy(),
        "poison_z": z[:3].numpy(),
        "poison_y": ((y[:3] + 1) % 10).numpy(),
        "test_z": test_z.numpy(),
        "test_y": test_y.numpy(),
    }
    certificate = added(features, 10, 1e-2, 15, torch.device("cpu"))
    assert certificate.certified[0] == certificate.clean
    assert certificate.certified == tuple(sorted(certificate.certified, reverse=True))
    assert certificate.certified[-1] == 0.0 < certificate.certified[-2]
    assert certificate.certified[3] <= certificate.attacked
    assert len(certificate.certified) <= 15 // 2 + 2


def test_a_curve_of_nothing_certain() -> None:
    nothing = partitions.Certified(torch.tensor([0, 1]), torch.tensor([-1, -1]))
    assert curve(nothing, torch.tensor([0, 1])) == (0.0,)
