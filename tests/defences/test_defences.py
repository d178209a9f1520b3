"""The contract of every defence, and each against an obvious version of itself."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors

from core.defences.algorithms.base import TrainingSet
from core.defences.algorithms.cross_validation import held_out_probabilities
from core.defences.algorithms.gradients import gradient_outliers
from core.defences.chain import as_text, parse_defence
from core.defences.evaluation import defend
from core.defences.execution import judge, score_function
from core.defences.registry import RECORDS as DEFENCES
from core.heads import logistic as head
from tests import odd, tiny
from tests.plugins import NORM, loaded

pytestmark = pytest.mark.usefixtures("examples")

with loaded(NORM):
    NAMES = sorted(DEFENCES)
FLIPPED = 15


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    """Digits, the first few of them under wrong labels."""
    scene = tiny.scene()
    y = scene.y.clone()
    y[:FLIPPED] = (y[:FLIPPED] + 1) % 10
    return TrainingSet(scene.z, y, 10, tiny.RIDGE)


def features(data: TrainingSet, far: float = 1.0) -> dict[str, np.ndarray]:
    """The same as a run's arrays: what is flipped is the poison, `far` times as far from the origin."""
    z, y = data.z.numpy(), data.y.numpy()
    return {
        **{"train_z": z[FLIPPED:], "train_y": y[FLIPPED:], "poison_z": far * z[:FLIPPED], "poison_y": y[:FLIPPED]},
        **{"test_z": z[100:], "test_y": y[100:]},
    }


@pytest.mark.parametrize("name", NAMES)
def test_settings_survive_their_text(name: str) -> None:
    spec = parse_defence(name)
    assert as_text(spec) == name
    for field, known in type(spec).model_fields.items():
        if field != "name":
            other = spec.model_copy(update={field: known.default * 2})
            assert parse_defence(as_text(other)) == other


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_points_does_not_matter(name: str, data: TrainingSet) -> None:
    one = judge(parse_defence(name), data)
    order = torch.randperm(len(data.y), generator=torch.Generator().manual_seed(3))
    other = judge(parse_defence(name), TrainingSet(data.z[order], data.y[order], 10, data.ridge))
    # Folds are drawn by place; of the rest, sums in another order may turn what is almost equal.
    has_folds = "folds" in DEFENCES[name].settings.model_fields
    assert (one.keep[order] == other.keep).double().mean() >= (0.9 if has_folds else 0.99)
    if not has_folds:
        torch.testing.assert_close(one.suspicion[order], other.suspicion, rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_is_more_suspicious_than_what_stays(name: str, data: TrainingSet) -> None:
    spec = parse_defence(name)
    verdict = judge(spec, data)
    assert verdict.keep.shape == verdict.suspicion.shape == (len(data.y),)
    assert bool(verdict.suspicion.isfinite().all())
    if "share" in type(spec).model_fields:
        assert abs(int((~verdict.keep).sum()) - spec.share * len(data.y)) <= 5  # half a point a class
    groups = [torch.arange(len(data.y))] if name in ("range", "trim") else data.classes()
    if name == "cleanlab":  # confident learning asks for more than the score
        groups = []
    for rows in groups:
        gone = ~verdict.keep[rows]
        if bool(gone.any()):
            assert verdict.suspicion[rows][gone].min() >= verdict.suspicion[rows][~gone].max()


@pytest.mark.parametrize("name", ["agreement", "cleanlab", "knn", "loss", "sever", "slab", "sphere", "trim"])
def test_wrong_labels_are_found(name: str, data: TrainingSet) -> None:
    """Where a point lies says nothing of its label to the range check, and little to the SVD."""
    (step,) = defend(features(data), [parse_defence(name)], 10, tiny.RIDGE).steps
    assert step.auc is not None
    assert step.auc > 0.75
    assert step.recall > len(step.removed) / len(data.y)


@pytest.mark.parametrize("text", ["range", "sphere:share=0.2"])
def test_far_points_are_found(text: str, data: TrainingSet) -> None:
    """Not by the SVD: of several far points of one class it takes the directions for main ones."""
    verdict = defend(features(data, far=30.0), [parse_defence(text)], 10, tiny.RIDGE)
    assert verdict.whole.recall == 1.0
    assert verdict.steps[0].auc == 1.0


def test_sphere_is_the_distance_to_the_median(data: TrainingSet) -> None:
    suspicion = judge(parse_defence("sphere"), data).suspicion
    for i in (0, 7, 250):
        z = data.z[data.y == data.y[i]].double().sort(dim=0).values
        middle = z[(len(z) - 1) // 2]
        assert suspicion[i] == pytest.approx(float((data.z[i].double() - middle).norm()))


def test_slab_for_two_classes_is_the_published_one() -> None:
    z = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 2
    z[y == 1] += 2.0
    suspicion = judge(parse_defence("slab"), TrainingSet(z, y, 2, 1e-3)).suspicion
    middle = [z[y == label].double().median(dim=0).values for label in (0, 1)]
    line = middle[0] - middle[1]
    expected = [abs(float((z[i].double() - middle[int(y[i])]) @ line / line.norm())) for i in range(60)]
    np.testing.assert_allclose(suspicion, expected)


def test_svd_residual_is_that_of_scikit_learns_pca(data: TrainingSet) -> None:
    suspicion = judge(parse_defence("svd:rank=3"), data).suspicion
    rows = data.y == 4
    z = data.z[rows].double().numpy()
    pca = PCA(3, svd_solver="full").fit(z)
    expected = np.linalg.norm(z - pca.inverse_transform(pca.transform(z)), axis=1)
    np.testing.assert_allclose(suspicion[rows], expected, rtol=1e-6)


def test_neighbours_are_those_of_scikit_learn(data: TrainingSet) -> None:
    suspicion = judge(parse_defence("knn:k=5"), data).suspicion
    distance, near = NearestNeighbors(n_neighbors=6).fit(data.z.double()).kneighbors(data.z.double())
    weight = 1 / distance[:, 1:]
    other = data.y.numpy()[near[:, 1:]] != data.y.numpy()[:, None]
    np.testing.assert_allclose(suspicion, (weight * other).sum(1) / weight.sum(1), rtol=1e-3, atol=1e-4)


def test_sever_finds_the_singular_vector_of_written_out_gradients(data: TrainingSet) -> None:
    theta = data.fit()
    projections = gradient_outliers(data, theta)
    z1 = head.with_ones(data.z)
    for label in (0, 3):
        rows = torch.nonzero(data.y == label).flatten()
        gradients = []
        for row in rows:
            at = theta.clone().requires_grad_(True)
            torch.nn.functional.cross_entropy((at @ z1[row])[None], data.y[row][None]).backward()
            assert at.grad is not None
            gradients.append(at.grad.flatten())
        matrix = torch.stack(gradients)
        matrix = matrix - matrix.mean(0)
        u, s, _ = torch.linalg.svd(matrix, full_matrices=False)
        torch.testing.assert_close(projections[rows], (u[:, 0] * s[0]).square(), rtol=1e-6, atol=1e-10)


def test_trimming_ends_at_points_that_fit_best_among_themselves(data: TrainingSet) -> None:
    keep = judge(parse_defence("trim:share=0.1"), data).keep
    losses = data.losses(data.fit(torch.nonzero(keep).flatten()))
    assert int((~keep).sum()) == round(0.1 * len(data.y))
    assert losses[keep].max() <= losses[~keep].min()


def test_agreement_is_the_margin_of_scikit_learns_heads_of_the_other_folds(data: TrainingSet) -> None:
    """Above 0 exactly where the head that has not seen the point predicts another label."""
    suspicion = judge(parse_defence("agreement:folds=3"), data).suspicion
    z, y = data.z.double().numpy(), data.y.numpy()
    predicted = cross_val_predict(sklearn_head(data, 2 / 3), z, y, cv=_ByPlace(3), method="predict")
    logits = cross_val_predict(sklearn_head(data, 2 / 3), z, y, cv=_ByPlace(3), method="decision_function")
    expected = [max(row[k] for k in range(10) if k != label) - row[label] for row, label in zip(logits, y, strict=True)]
    # Heads with a gradient of 1e-6 may lie 1e-6 / λ apart.
    np.testing.assert_allclose(suspicion, expected, atol=0.02)
    sure = suspicion.abs() > 0.02
    assert 5 < int((suspicion > 0).sum()) < 100
    assert bool(((suspicion > 0) == torch.from_numpy(predicted != y))[sure].all())


class _ByPlace:
    """Folds by place, as scikit-learn asks for them: row i is in fold i % k."""

    def __init__(self, k: int) -> None:
        self.k = k

    def split(self, z: np.ndarray, y: np.ndarray, groups: None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        fold = np.arange(len(z)) % self.k
        return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(self.k)]

    def get_n_splits(self, *_: object) -> int:
        return self.k


def sklearn_head(data: TrainingSet, share: float) -> LogisticRegression:
    """The head of a share of the points: with the mean of the losses, as ours."""
    return LogisticRegression(C=1 / (data.ridge * share * len(data.y)), tol=1e-9, max_iter=10_000)


def test_a_new_point_is_judged_by_the_head_that_disagrees_most(data: TrainingSet) -> None:
    """Written out point by point and head by head."""
    z = 2.0 * torch.randn(7, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(7)
    suspicion = score_function("agreement")(data)(z, y)
    heads = [data.fit(torch.nonzero(torch.arange(len(data.y)) % 5 != i).flatten()) for i in range(5)]
    for i in range(7):
        margins = []
        for theta in heads:
            logits = (theta[:, :-1] @ z[i] + theta[:, -1]).tolist()
            margins.append(max(logits[k] for k in range(10) if k != i) - logits[i])
        assert float(suspicion[i]) == pytest.approx(max(margins), abs=0.02)


def test_held_out_probabilities_are_of_heads_that_have_not_seen_the_point(data: TrainingSet) -> None:
    p = held_out_probabilities(data, 3)
    rows = torch.arange(len(data.y)) % 3 != 1
    theta = data.fit(torch.nonzero(rows).flatten())
    expected = torch.softmax(head.logits(theta, data.z[~rows]), dim=1)
    # Heads with a gradient of 1e-6 may lie 1e-6 / λ apart.
    np.testing.assert_allclose(p[(~rows).numpy()], expected, atol=1e-3)
    seen = torch.softmax(head.logits(data.fit(), data.z[~rows]), dim=1)
    assert float((seen - expected).abs().max()) > 0.05


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.parametrize("name", NAMES)
def test_a_class_with_a_single_point_is_no_trouble(name: str, data: TrainingSet) -> None:
    keep = (data.y != 9) | (torch.arange(len(data.y)) == int(torch.nonzero(data.y == 9)[0]))
    few = TrainingSet(data.z[keep], data.y[keep], 11, data.ridge)
    assert bool(judge(parse_defence(name), few).suspicion.isfinite().all())


def odd_set(kind: str) -> TrainingSet:
    z, y = odd.odd(kind)
    return TrainingSet(torch.from_numpy(z), torch.from_numpy(y), odd.CLASSES, 1e-3)


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.parametrize("kind", odd.KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_odd_features_are_judged_with_finite_numbers(name: str, kind: str) -> None:
    features = odd.odd_run(kind)
    verdict = defend(features, [parse_defence(name)], odd.CLASSES, 1e-3)
    assert odd.all_finite(verdict.to_json())
    assert verdict.whole.n_clean == len(features["train_y"])


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.parametrize("kind", odd.KINDS)
def test_all_defences_in_a_row_leave_a_head_on_odd_features(kind: str) -> None:
    verdict = defend(odd.odd_run(kind), [parse_defence(name) for name in NAMES], odd.CLASSES, 1e-3)
    assert odd.all_finite(verdict.to_json())
    assert len(verdict.whole.removed) < verdict.whole.n_clean


def test_coordinates_without_spread_do_not_count_in_the_range_check() -> None:
    alone = odd_set("one live coordinate")
    only = TrainingSet(alone.z[:, :1], alone.y, alone.n_classes, alone.ridge)
    suspicion = judge(parse_defence("range"), alone).suspicion
    torch.testing.assert_close(suspicion, judge(parse_defence("range"), only).suspicion)
    assert float(suspicion.max()) > 1


def test_a_class_of_equal_points_has_no_outlier_for_sever() -> None:
    data = odd_set("one constant class")
    projections = gradient_outliers(data, data.fit())
    assert projections[data.y == 1].tolist() == [0.0] * 15
    others = projections[data.y != 1]
    assert bool((others > 0).all()), "the other classes are ranked as before"
