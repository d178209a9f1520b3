"""An attacker that knows less: its poison is that of what it knows, and the defender judges it by what it has."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from core.catalog.choices import one_line, resolve
from core.catalog.lookup import data_info
from core.data.others import Sample, draw_others
from core.experiments import cost
from core.experiments.result import Result
from core.experiments.run import run
from core.presentation import method
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import SpecError

IMAGES: dict[str, Any] = {
    "data": "fashion-mnist",
    "extractor": "resnet10-small-fashion-mnist",
    "train_size": 100,
    "test_size": 60,
    "budget": 0.05,
    "constraint": "perturbation",
    "delta": 16 / 255,
    "attack": {"name": "tgda-input", "steps": 3},
    "defaults": 3,
}
STAND_IN = "resnet10-small-mnist"


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    x, y = load_digits(n_class=4, return_X_y=True)
    path = tmp_path_factory.mktemp("features") / "digits.npz"
    np.savez(path, train_features=x[:400], train_labels=y[:400], test_features=x[400:600], test_labels=y[400:600])
    sizes = {"train_size": 200, "test_size": 150, "budget": 0.05}
    return {"data": f"features:{path}", "attack": {"name": "tgda-feature", "steps": 5}, **sizes}


def result_of(values: dict[str, Any], **more: Any) -> Result:
    return run(parse_spec({**values, **more}), with_map=False, device="cpu")


def test_poison_for_another_ridge_is_that_of_a_run_with_it(features: dict[str, Any]) -> None:
    limited, there, here = (
        result_of(features, **more) for more in ({"attacker_ridge": 0.1}, {"ridge": 0.1}, {"attacker_ridge": None})
    )
    np.testing.assert_array_equal(limited.poison.z, there.poison.z)
    assert not np.array_equal(limited.poison.z, here.poison.z)
    assert limited.clean == here.clean != there.clean


@pytest.fixture(scope="module")
def others(features: dict[str, Any]) -> Result:
    return run(parse_spec({**features, "attacker_data": "other"}), device="cpu")


def test_poison_made_on_other_points_names_the_nearest_of_the_class(features: dict[str, Any], others: Result) -> None:
    base_x, base_z = others.poison.own_base or pytest.fail("no base points of its own")
    n, z = len(others.features["train_y"]), others.features["train_z"]
    theirs = draw_others(data_info(features["data"]), train_size=n, seed=0)
    assert theirs.vectors is not None
    for i, row in enumerate(others.poison.base_index):
        label = others.features["train_y"][row]
        distance = np.linalg.norm(z - base_z[i], axis=1)
        distance[others.features["train_y"] != label] = np.inf
        assert distance[row] == pytest.approx(distance.min(), abs=1e-5)
    assert base_x.shape == (10, 1, 8, 8)
    assert np.linalg.norm(z[:, None] - base_z[None], axis=2).min() > 0  # none of them is a training point
    assert others.poison.z.min(0) == pytest.approx(np.maximum(others.poison.z.min(0), z.min(0)))
    assert (others.poison.z <= z.max(0) + 1e-6).all()
    plot = others.plot
    assert plot is not None
    np.testing.assert_allclose(plot.shift, np.linalg.norm(others.poison.z - base_z, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(plot.base_x, base_x)


def test_what_is_known_by_chance_is_left_out_of_the_spec() -> None:
    spec = resolve(parse_spec({**IMAGES, "attacker_ridge": 1e-3, "attacker_extractor": IMAGES["extractor"]}))
    assert spec.hash == resolve(parse_spec(IMAGES)).hash


@pytest.fixture(scope="module")
def stand_in() -> Result:
    return run(parse_spec({**IMAGES, "attacker_extractor": STAND_IN}), device="cpu")


def test_images_made_on_a_stand_in_are_those_of_a_run_with_it(stand_in: Result) -> None:
    there = result_of(IMAGES, extractor=STAND_IN)
    np.testing.assert_array_equal(stand_in.poison.x, there.poison.x)
    np.testing.assert_array_equal(stand_in.poison.base_index, there.poison.base_index)
    assert stand_in.clean == result_of(IMAGES).clean
    assert not np.array_equal(stand_in.poison.z, there.poison.z)
    assert stand_in.target is stand_in.stage2 is None


def test_images_of_the_attacker_stay_within_their_bound() -> None:
    result = result_of(IMAGES, attacker_data="other", budget=0.2)
    assert result.poison.own_base is not None
    assert result.poison.x is not None
    base_x, _ = result.poison.own_base
    others = draw_others(data_info("fashion-mnist"), train_size=100, seed=0)
    known = {image.tobytes() for image in np.ascontiguousarray(others.x[:])}
    assert all(np.ascontiguousarray(image).tobytes() in known for image in base_x)
    assert np.abs(255 * result.poison.x - base_x).max() <= 16 + 1e-3
    np.testing.assert_array_equal(result.features["train_y"][result.poison.base_index], bases_of(base_x, others))


def bases_of(base_x: np.ndarray, others: Sample) -> list[int]:
    """The labels of the attacker's images that the poison was made from."""
    x = others.x[:]
    return [int(others.y[next(i for i, image in enumerate(x) if (image == base).all())]) for base in base_x]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"attacker_data": "other", "train_size": 201}, "train_size may be at most 200"),
        ({"attacker_extractor": STAND_IN}, "has feature vectors only: leave it out"),
    ],
)
def test_features_have_no_stand_in_and_need_points_to_spare(
    features: dict[str, Any], values: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        resolve(parse_spec({**features, **values}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"attack": "tgda-feature", "attacker_extractor": STAND_IN}, "needs an attack that makes images"),
        ({"attacker_extractor": "nothing"}, "nothing"),
        ({"attacker_extractor": "none"}, "attacker_extractor is none; allowed: "),
        ({"attacker_ridge": 0}, "attacker_ridge is 0"),
        ({"attacker_data": "none"}, "attacker_data is 'none'"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        resolve(parse_spec({**IMAGES, "constraint": "valid", **values}))


def test_everything_says_what_the_attacker_does_not_know() -> None:
    more = {"attacker_data": "other", "attacker_ridge": 0.1, "attacker_extractor": STAND_IN}
    spec = resolve(parse_spec({**IMAGES, **more}))
    for words in ("other points of the same data", "expects λ = 0.1", "poison made on"):
        assert words in one_line(spec)
    (_, knows), *_ = method.threat_model(spec)
    assert knows.startswith("In place of the extractor, ")
    assert "none of the training set's" in knows
    assert "for which it expects 0.1" in knows
    (_, knows), *_ = method.threat_model(ExperimentSpec())
    assert knows == "The extractor, the clean training images and the head's λ. Never the test images."


def test_a_larger_stand_in_is_expected_to_take_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    small, large = (
        cost.estimate(resolve(parse_spec({**IMAGES, **more})), "cpu")
        for more in ({}, {"attacker_extractor": "efficientnet-lite0-imagenet"})
    )
    assert large["pixels"] > 3 * small["pixels"]
    assert large["extract"] > small["extract"]
    assert large["clean"] == small["clean"]
