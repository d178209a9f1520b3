"""Smoothing of labels: exact bounds against enumeration, closed forms, and attacks that flip labels."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from core.certificates import label_flips
from core.certificates.label_flips import Noise, bounds, certify, harmful, least, noisy, votes
from core.heads import logistic as head
from tests import tiny


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("flips", [1, 2, 3])
@pytest.mark.parametrize("q", [0.1, 0.4])
def test_the_least_probability_is_neyman_and_pearsons(flips: int, q: float, n_classes: int) -> None:
    """Against all outcomes of the flipped labels, listed: the event fills up from those likeliest before the flips."""
    keep, other = 1 - q, q / (n_classes - 1)
    before, after = [], []
    for outcome in itertools.product(range(n_classes), repeat=flips):
        # The true label is 0, the flipped one 1.
        before.append(math.prod(keep if one == 0 else other for one in outcome))
        after.append(math.prod(keep if one == 1 else other for one in outcome))
    order = sorted(range(len(before)), key=lambda i: -before[i] / after[i])
    for p in (0.05, 0.3, 0.5, 0.9, 0.999):
        room, expected = p, 0.0
        for i in order:
            part = min(1.0, room / before[i])
            expected += part * after[i]
            room -= part * before[i]
            if room <= 1e-15:
                break
        assert float(least(np.array([p]), flips, q, n_classes)[0]) == pytest.approx(expected, abs=1e-9)


def test_two_classes_and_one_flip() -> None:
    """The closed form: p must be above 1 - q/2 ... for an answer to stay above one half."""
    q = 0.2
    # Outcomes: kept (0.8 before, 0.2 after), flipped (0.2, 0.8). An event of 0.8 + 0.2 t has 0.2 + 0.8 t after.
    assert float(least(np.array([0.8]), 1, q, 2)[0]) == pytest.approx(0.2)
    assert float(least(np.array([0.875]), 1, q, 2)[0]) == pytest.approx(0.5)


@pytest.mark.parametrize("p", [0.6, 0.9, 0.99])
@pytest.mark.parametrize("flips", [1, 3, 10])
def test_it_certifies_at_least_what_the_papers_bound_does(p: float, flips: int) -> None:
    """Rosenfeld et al.: an answer stays where the divergence of both worlds is below -ln(4 p (1 - p)) / 2."""
    n_classes = 10
    for q in np.linspace(0.05, 0.88, 12):
        divergence = flips * (1 - q - q / (n_classes - 1)) * math.log((1 - q) * (n_classes - 1) / q)
        if divergence < -0.5 * math.log(4 * p * (1 - p)):
            assert float(least(np.array([p]), flips, float(q), n_classes)[0]) > 0.5


def test_no_flips_change_nothing() -> None:
    p = np.linspace(0, 1, 7)
    np.testing.assert_allclose(least(p, 0, 0.3, 4), p)


def test_bounds_are_clopper_and_pearsons() -> None:
    low, high = bounds(np.array([0, 30, 200]), 200, 4)
    for i, count in enumerate((0, 30, 200)):
        expected = binomtest(count, 200).proportion_ci(1 - (1 - label_flips.CONFIDENCE) / 4, "exact")
        assert (low[i], high[i]) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_radius_falls_with_the_lead_and_grows_with_the_heads() -> None:
    counts = torch.tensor([[500, 0, 0], [450, 50, 0], [300, 200, 0], [251, 249, 0]])
    radius = certify(counts, 0.4, 100).radius.tolist()
    assert radius == sorted(radius, reverse=True)
    assert radius[0] > radius[2] >= 0 > radius[3]
    assert int(certify(10 * counts, 0.4, 100).radius[0]) > radius[0]
    assert int(certify(counts, 0.4, 1).radius[0]) == 1


def test_noise_keeps_a_label_as_often_as_it_says() -> None:
    y = torch.arange(400) % 4
    labels = noisy(y, 4, Noise(q=0.3, heads=200, seed=1))
    same = float(labels.eq(y).double().mean())
    assert same == pytest.approx(0.7, abs=0.01)
    shifts = torch.bincount(((labels - y) % 4).flatten(), minlength=4) / labels.numel()
    assert shifts[1:].tolist() == pytest.approx([0.1] * 3, abs=0.01)
    assert torch.equal(labels, noisy(y, 4, Noise(q=0.3, heads=200, seed=1)))


@pytest.mark.parametrize("flips", [1, 2])
def test_flipping_labels_does_not_take_what_is_certified(flips: int) -> None:
    """Certified ≤ attacked: the attack is the one that harms a single head most."""
    scene, noise = tiny.scene(), Noise(q=0.5, heads=150, ridge=0.05)
    z, y, test_z, test_y = scene.z[:150], scene.y[:150], scene.z[150:], scene.y[150:]
    before = certify(votes(z, y, test_z, 10, noise), noise.q, 10)
    labels = harmful(z, y, 10, 1e-2, head.fit(z, y, 10, 1e-2), flips)
    assert int((labels != y).sum()) == flips
    after = votes(z, labels, test_z, 10, Noise(q=0.5, heads=150, ridge=0.05, seed=1))
    assert before.accuracy(test_y, flips) <= float(after.argmax(1).eq(test_y).double().mean())
    assert before.accuracy(test_y, 0) > 0.3


def test_harmful_flips_harm_more_than_random_ones() -> None:
    scene = tiny.scene()
    z, y, test_z, test_y = scene.z[:150], scene.y[:150], scene.z[150:], scene.y[150:]
    theta = head.fit(z, y, 10, 1e-2)
    labels = harmful(z, y, 10, 1e-2, theta, 15)
    draw = torch.Generator().manual_seed(0)
    rows = torch.randperm(150, generator=draw)[:15]
    drawn = y.index_put((rows,), (y[rows] + torch.randint(1, 10, (15,), generator=draw)) % 10)
    worst, usual = (head.accuracy(head.fit(z, one, 10, 1e-2), test_z, test_y) for one in (labels, drawn))
    assert worst < usual
