"""Scores: balanced accuracy by hand and by scikit-learn, and which classes count as uneven."""

import json
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from core.heads import logistic as head
from core.heads.evaluation import Evaluator
from core.heads.scores import Score
from core.system import finite_json


def sized(*sizes: int) -> Score:
    """A score of a head that is always right, on so many test images of each class."""
    return Score(1.0, [1.0] * len(sizes), np.diag(sizes).tolist())


def test_balanced_accuracy_is_the_mean_of_the_classes() -> None:
    """Of 19 cats all are right, and the one dog is wrong."""
    assert Score(0.95, [1.0, 0.0], [[19, 0], [1, 0]]).balanced == 0.5
    assert Score(0.5, [0.2, 0.5, 0.8]).balanced == pytest.approx(0.5)


def test_balanced_accuracy_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y = torch.from_numpy(np.repeat([0, 1, 2], [30, 8, 2]))
    z = torch.from_numpy(rng.normal(size=(40, 5))).float()
    z[torch.arange(40), y] += 1
    score = Evaluator(z, y, z.flip(0), y.flip(0), 3, 0.1)
    theta = score.retrain()
    predicted = head.logits(theta, z).argmax(1)
    expected = balanced_accuracy_score(y, predicted)
    assert score.score(theta).balanced == pytest.approx(expected)
    assert expected != pytest.approx(score.score(theta).accuracy)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((10, 10), False),
        ((4, 5, 5), False),
        ((1, 2), False),
        ((217, 245, 186), False),
        ((19, 1), True),
        ((1, 3), True),
        ((46, 121, 57, 39, 62, 17, 74, 66, 84), True),
        ((5, 0), True),
    ],
)
def test_classes_are_uneven_beyond_rounding(sizes: tuple[int, ...], expected: bool) -> None:
    assert sized(*sizes).is_uneven == expected
    assert sized(*sizes).class_sizes == list(sizes)


def test_without_a_confusion_matrix_nothing_is_known_of_the_sizes() -> None:
    score = Score(0.9, [0.9, 0.9])
    assert score.class_sizes is None
    assert not score.is_uneven


def test_a_class_without_test_images_is_null_in_json_and_left_out_of_the_mean() -> None:
    """Earlier versions drew such test sets, and wrote NaN."""
    for text in ('{"accuracy": 0.8, "per_class": [0.8, NaN]}', '{"accuracy": 0.8, "per_class": [0.8, null]}'):
        score = Score.from_json(json.loads(text))
        assert score.balanced == 0.8
        assert math.isnan(score.per_class[1])
        assert finite_json.dumps(score.per_class) == "[0.8, null]"
    assert math.isnan(Score(0.0, [math.nan]).balanced)
