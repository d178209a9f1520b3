"""Runs on feature vectors: the same numbers as the heads give, and a reason where pixels would be needed."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from core.catalog.choices import one_line, resolve
from core.defences.chain import parse_chain
from core.experiments import run_folder
from core.experiments.result import Result
from core.experiments.run import run
from core.spec.experiment import parse_spec
from core.storage import certified, defended
from core.storage.runs import load
from core.system.errors import SpecError


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    x, y = load_digits(return_X_y=True)
    path = tmp_path_factory.mktemp("features") / "digits.npz"
    np.savez(path, train_features=x[:300], train_labels=y[:300], test_features=x[300:500], test_labels=y[300:500])
    return f"features:{path}"


def spec_of(name: str, **values: object):  # type: ignore[no-untyped-def]
    return parse_spec({"data": name, "train_size": 300, "test_size": 200, "budget": 0.05, **values})


@pytest.fixture(scope="module")
def result(name: str) -> Result:
    return run(spec_of(name, attack={"name": "tgda-feature", "steps": 10}))


def test_scikit_learn_trains_the_same_heads(name: str, result: Result) -> None:
    a, ridge = result.features, result.spec.ridge
    z, y = np.concatenate([a["train_z"], a["poison_z"]]), np.concatenate([a["train_y"], a["poison_y"]])
    for score, points, labels in ((result.clean, a["train_z"], a["train_y"]), (result.poisoned, z, y)):
        model = LogisticRegression(C=1 / (len(labels) * ridge), tol=1e-8, max_iter=5000).fit(points, labels)
        assert model.score(a["test_z"], a["test_y"]) == score.accuracy
    assert result.poisoned.accuracy < result.clean.accuracy - 0.02
    raw = load_digits().data[:300].astype(np.float32)
    # Each coordinate is scaled, and not changed otherwise.
    assert np.corrcoef(np.sort(raw[:, 20]), np.sort(a["train_z"][:, 20]))[0, 1] == pytest.approx(1, abs=1e-6)


def test_it_has_a_map_pictures_defences_and_certificates(result: Result, tmp_path: Path) -> None:
    run_folder.write(result, tmp_path / "run")
    stored = load(tmp_path / "run")
    assert result.plot is not None
    assert result.plot.base_x.shape == (15, 1, 8, 8)
    assert not stored.summary.description.makes_images
    verdict = defended.judge_run(stored, parse_chain(["knn"]))
    assert verdict.poisoned.accuracy == result.poisoned.accuracy
    assert verdict.whole.n_poison == 15
    both = certified.certify_run(stored, 10)
    assert both.added.to_json()["clean"] <= 1
    assert any("used as given" in remark for remark in stored.summary.remarks)
    assert "px" not in one_line(result.spec)


def test_label_flips_copy_features(name: str) -> None:
    flipped = run(spec_of(name, attack="label-flip"), with_map=False)
    base = flipped.features["train_z"][flipped.poison.base_index]
    assert np.array_equal(flipped.poison.z, base)
    assert (flipped.poison.y != flipped.features["train_y"][flipped.poison.base_index]).all()
    assert flipped.poison.x is None
    assert flipped.stage2 is None


def test_the_attack_left_open_is_one_on_features(name: str) -> None:
    assert resolve(spec_of(name)).attack.name == "tgda-feature"
    assert resolve(spec_of(name, extractor="resnet18-imagenet", input_size=224, side=32)) == resolve(spec_of(name))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"attack": "fw-input"}, "fw-input works on pixels.*Allowed: label-flip, tgda-feature, gc-feature"),
        ({"attack": "label-flip", "constraint": "perturbation"}, "bounds pixels"),
        ({"train_size": 301}, "allows 20 to 300"),
    ],
)
def test_what_needs_pixels_is_refused_with_the_reason(name: str, values: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resolve(spec_of(name, **values))


def test_images_need_an_extractor() -> None:
    with pytest.raises(SpecError, match="need an extractor"):
        resolve(parse_spec({"extractor": "none"}))
