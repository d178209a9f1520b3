"""What a chain is worth, refitted with scikit-learn and counted by hand."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.defences.chain import parse_defence
from core.defences.evaluation import defend
from core.defences.verdict import DefenceVerdict
from core.system import finite_json
from tests import tiny

FLIPPED = 25


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    """Digits, with wrong labels among them as poison."""
    scene = tiny.scene()
    z, y = scene.z.numpy(), scene.y.numpy()
    return {
        **{"train_z": z[FLIPPED:200], "train_y": y[FLIPPED:200], "test_z": z[200:], "test_y": y[200:]},
        **{"poison_z": z[:FLIPPED], "poison_y": (y[:FLIPPED] + 1) % 10},
    }


def judged(features: dict[str, np.ndarray], *texts: str) -> DefenceVerdict:
    return defend(features, [parse_defence(text) for text in texts], 10, tiny.RIDGE)


def test_no_defence_changes_nothing(features: dict[str, np.ndarray]) -> None:
    verdict = judged(features)
    assert verdict.defended == verdict.poisoned
    assert (verdict.whole.removed, verdict.regained, verdict.random) == ((), 0.0, verdict.poisoned.accuracy)
    assert verdict.whole.precision == verdict.whole.recall == 0.0


def test_the_defended_head_is_scikit_learns_on_what_is_kept(features: dict[str, np.ndarray]) -> None:
    verdict = judged(features, "sphere", "loss:share=0.1")
    z = np.concatenate([features["train_z"], features["poison_z"]])
    y = np.concatenate([features["train_y"], features["poison_y"]])
    kept = np.setdiff1d(np.arange(len(y)), verdict.whole.removed)
    for rows, score in (
        (kept, verdict.defended),
        (np.arange(len(y)), verdict.poisoned),
        (np.arange(175), verdict.clean),
    ):
        model = LogisticRegression(C=1 / (len(rows) * tiny.RIDGE), max_iter=5000, tol=1e-10).fit(z[rows], y[rows])
        assert model.score(features["test_z"], features["test_y"]) == pytest.approx(score.accuracy)


def test_a_chain_removes_what_its_links_remove(features: dict[str, np.ndarray]) -> None:
    verdict = judged(features, "sphere", "loss:share=0.1")
    first, second = verdict.steps
    assert not set(first.removed) & set(second.removed)
    assert sorted(first.removed + second.removed) == sorted(verdict.whole.removed)
    assert second.n_poison == FLIPPED - first.poison_removed
    assert second.n_clean == 175 - first.clean_lost
    poison = [row for row in verdict.whole.removed if row >= 175]
    assert verdict.whole.poison_removed == len(poison)
    assert verdict.whole.precision == len(poison) / len(verdict.whole.removed)
    assert verdict.whole.recall == len(poison) / FLIPPED
    assert verdict.whole.clean_lost == len(verdict.whole.removed) - len(poison)


def test_a_good_defence_beats_the_random_filter(features: dict[str, np.ndarray]) -> None:
    strong = {**features, "poison_z": 8 * features["poison_z"]}
    verdict = judged(strong, "range")
    assert verdict.whole.recall == 1.0
    assert verdict.poisoned.accuracy < verdict.clean.accuracy - 0.05
    assert verdict.random < verdict.defended.accuracy - 0.03


def test_the_same_again(features: dict[str, np.ndarray]) -> None:
    assert judged(features, "sever", "cleanlab") == judged(features, "sever", "cleanlab")


def test_a_class_without_test_images_is_null_in_json_and_read_again(features: dict[str, np.ndarray]) -> None:
    """As runs of earlier versions have it; what is left is balanced among the other classes."""
    rows = features["test_y"] != 3
    verdict = judged({**features, "test_z": features["test_z"][rows], "test_y": features["test_y"][rows]}, "loss")
    content = json.loads(finite_json.dumps(verdict.to_json()))
    assert content["defended"]["per_class"][3] is None
    assert None not in content["defended"]["per_class"][:3]
    again = DefenceVerdict.from_json(content)
    assert np.isnan(again.defended.per_class[3])
    others = [share for label, share in enumerate(content["defended"]["per_class"]) if label != 3]
    assert again.defended.balanced == verdict.defended.balanced == pytest.approx(np.mean(others))
