"""Certificates of runs whose classes or features are odd: finite numbers that keep their meaning."""

import pytest
import torch

from core.certificates import evaluation
from core.certificates.certificate import Certificates, Noise
from tests import odd

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", odd.KINDS)
@pytest.mark.parametrize("k", [2, 50])
def test_odd_features_are_certified_with_finite_numbers(kind: str, k: int) -> None:
    features = odd.odd_run(kind)
    added = evaluation.added(features, odd.CLASSES, 1e-3, k, CPU)
    flipped = evaluation.flipped(features, odd.CLASSES, 1e-3, CPU, Noise(heads=10))
    assert odd.all_finite(Certificates(added, flipped).to_json())
    assert added.certified[0] <= added.clean, "what is certain is a part of what is right"
    assert all(after <= before for before, after in zip(added.certified, added.certified[1:], strict=False))
    assert added.certified[-1] == flipped.certified[-1] == 0.0


def test_a_vote_on_classes_that_are_one_point_each_is_right() -> None:
    """Each part that has points of a class predicts it, and with two parts all of them do."""
    added = evaluation.added(odd.odd_run("two points"), odd.CLASSES, 1e-3, 2, CPU)
    assert added.clean == pytest.approx(2 / 3, abs=0.02), "two of three classes share a point"
