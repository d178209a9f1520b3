"""Whole runs, small and real: Fashion-MNIST through the default extractor to an exported folder."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression

from core.attacks.registry import RECORDS
from core.catalog.lookup import extractor_info as info
from core.data.registry import DATA
from core.data.split import Split, draw
from core.experiments import extraction, run_folder
from core.experiments.result import Result
from core.experiments.run import run
from core.extractors import features
from core.extractors.build import build
from core.spec.events import STAGES, Event, silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import Cancelled, DeviceError, InsufficientMemory, SpecError
from core.system.versions import versions

CPU = torch.device("cpu")
Results = Callable[[str], tuple[Result, Path, list[Event]]]
FEW: dict[str, dict[str, Any]] = {
    "label-flip": {},
    "ft-matching": {"stage2": "gc", "target": "gradpc", "steps": 5, "match_steps": 3, "finish_steps": 2},
    "tgda-feature": {"steps": 2},
    "fw-input": {"rounds": 2, "atoms": 4, "inner_steps": 2, "joint_steps": 2},
}
DECODED = {"steps": 2}
"""Of ft-decoder, which is tested elsewhere: training one for a whole run takes too long here."""


def spec_of(attack: str, **values: Any) -> ExperimentSpec:
    settings = {"name": attack, **FEW.get(attack, DECODED)}
    return parse_spec({"attack": settings, "train_size": 40, "test_size": 20, "budget": 0.2, **values})


def in_home(home: Path, spec: ExperimentSpec, observe: Callable[[Event], None] = silent) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(home))
        return run(spec, observe, device="cpu")


@pytest.fixture(scope="module", params=FEW)
def attack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One run of each attack with its exported folder and its events, made when first asked for."""
    made: dict[str, tuple[Result, Path, list[Event]]] = {}

    def get(name: str) -> tuple[Result, Path, list[Event]]:
        if name not in made:
            reported: list[Event] = []
            result = in_home(tmp_path_factory.mktemp("home"), spec_of(name), reported.append)
            folder = tmp_path_factory.mktemp("out") / "run"
            run_folder.write(result, folder)
            made[name] = result, folder, reported
        return made[name]

    return get


def stored(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / name, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def test_shapes_and_counts(attack: str, results: Results) -> None:
    result, folder, _ = results(attack)
    summary = json.loads((folder / "result.json").read_text())
    assert (summary["n_train"], summary["n_test"], summary["n_poison"]) == (40, 20, 8)
    assert summary["versions"] == versions()
    assert summary["versions"].keys() >= {"Poison Lab", "Python", "torch"}
    actual = stored(folder, "features.npz")
    for part, n in (("train", 40), ("poison", 8), ("test", 20)):
        assert actual[f"{part}_z"].shape == (n, 512)
        assert actual[f"{part}_y"].shape == (n,)
        assert np.isfinite(actual[f"{part}_z"]).all()
    norm = np.sqrt(np.square(actual["train_z"]).sum(1).mean())
    assert norm == pytest.approx(features.FEATURE_NORM, rel=1e-4)
    scores = [result.clean, result.poisoned, *filter(None, (result.target, result.stage2))]
    for score in scores:
        shares = np.bincount(actual["test_y"], minlength=10) / 20
        assert score.accuracy == pytest.approx(float(shares @ np.array(score.per_class)), abs=1e-12)
        counts = np.array(score.confusion)
        assert counts.sum(1).tolist() == np.bincount(actual["test_y"], minlength=10).tolist()
        assert counts.trace() / 20 == pytest.approx(score.accuracy, abs=1e-12)
    makes_images = attack != "tgda-feature"
    assert (result.poison.x is not None) == (folder / "poison").is_dir() == makes_images
    assert (result.target is not None) == (attack == "ft-matching")
    assert (result.stage2 is not None) == (attack in ("ft-matching", "tgda-feature"))
    assert (result.inversion_gap is not None) == (attack == "ft-matching")


def test_the_same_spec_gives_the_same_result_elsewhere(attack: str, results: Results, tmp_path: Path) -> None:
    first, folder, _ = results(attack)
    again = in_home(tmp_path / "home", spec_of(attack))
    run_folder.write(again, tmp_path / "run")
    one, other = (json.loads((place / "result.json").read_text()) for place in (folder, tmp_path / "run"))
    for summary in (one, other):
        assert summary.pop("seconds")
    assert one == other
    for name in ("features.npz", "poison.npz", "view.npz"):
        assert (folder / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    assert first.spec == again.spec


@pytest.mark.parametrize("which", ["clean", "poisoned"])
def test_scikit_learn_finds_the_same_accuracy_on_the_exported_features(
    which: str, attack: str, results: Results
) -> None:
    """Check 7 of the method, from the files alone."""
    _, folder, _ = results(attack)
    result, summary = stored(folder, "features.npz"), json.loads((folder / "result.json").read_text())
    z, y = result["train_z"], result["train_y"]
    if which == "poisoned":
        z, y = np.concatenate([z, result["poison_z"]]), np.concatenate([y, result["poison_y"]])
    model = LogisticRegression(C=1 / (len(y) * summary["lambda"]), tol=1e-10, max_iter=20_000)
    model.fit(z.astype(float), y)
    scores = np.sort(model.decision_function(result["test_z"].astype(float)), axis=1)
    tied = int((scores[:, -1] - scores[:, -2] < 1e-3).sum())
    accuracy = float((model.predict(result["test_z"].astype(float)) == result["test_y"]).mean())
    assert abs(accuracy - summary[which]["accuracy"]) <= tied / 20 + 1e-12


def test_the_exported_pictures_have_the_exported_features(attack: str, results: Results) -> None:
    result, folder, _ = results(attack)
    if result.poison.x is None:
        assert not list(folder.glob("poison/*.png"))
        return
    with (folder / "poison" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = []
    for row in rows:
        with Image.open(folder / "poison" / row["file"]) as image:
            pictures.append(np.asarray(image)[None])
    poison = stored(folder, "poison.npz")
    np.testing.assert_array_equal(np.rint(poison["x"] * 255).astype(np.uint8), np.stack(pictures))
    spec = result.spec
    extractor = build(info(spec.extractor), spec.input_size or 0, CPU)
    split = drawn(spec)
    scale = features.Scale.fit(torch.from_numpy(features.extract(extractor, split.train_x, CPU)))
    z = features.extract(features.Pipeline(extractor, scale), np.stack(pictures), CPU)
    actual = stored(folder, "features.npz")
    np.testing.assert_allclose(z, actual["poison_z"], atol=1e-5)
    np.testing.assert_array_equal(actual["poison_y"], [int(row["label"]) for row in rows])
    np.testing.assert_array_equal(poison["base_index"], [int(row["base_index"]) for row in rows])
    np.testing.assert_array_equal(actual["train_y"], split.train_y)


def drawn(spec: ExperimentSpec) -> Split:
    return draw(DATA[spec.data], train_size=spec.train_size, test_size=spec.test_size, seed=spec.seed)


def test_label_flips_are_the_base_images_under_wrong_labels(results: Results) -> None:
    result, _, _ = results("label-flip")
    split, poison = drawn(result.spec), result.poison
    assert poison.x is not None
    np.testing.assert_array_equal(np.rint(poison.x * 255), split.train_x[poison.base_index])
    assert np.all(poison.y != split.train_y[poison.base_index])
    np.testing.assert_allclose(poison.z, result.features["train_z"][poison.base_index], atol=1e-5)
    assert len(set(poison.base_index)) == 8


def test_matched_images_differ_from_their_bases_and_fall_short_of_the_features(results: Results) -> None:
    result, _, _ = results("ft-matching")
    split, poison = drawn(result.spec), result.poison
    assert poison.x is not None
    assert poison.zeta is not None
    assert np.any(np.rint(poison.x * 255) != split.train_x[poison.base_index])
    gap = np.linalg.norm(poison.z - poison.zeta, axis=1) / np.linalg.norm(poison.zeta, axis=1)
    assert result.inversion_gap == pytest.approx(float(gap.mean()), rel=1e-4)
    assert result.plot is not None
    np.testing.assert_allclose(result.plot.gap, gap, rtol=1e-4)


def test_what_the_app_draws_is_consistent(attack: str, results: Results) -> None:
    result, _, _ = results(attack)
    plot, split = result.plot, drawn(result.spec)
    assert plot is not None
    base = result.poison.base_index
    np.testing.assert_array_equal(plot.base_xy, plot.train_xy[base])
    np.testing.assert_array_equal(plot.base_x, split.train_x[base])
    np.testing.assert_array_equal(plot.base_y, split.train_y[base])
    assert plot.train_xy.shape == (40, 2)
    assert plot.poison_xy.shape == (8, 2)
    assert (plot.stage2_xy is not None) == (attack in ("ft-matching", "tgda-feature"))
    shift = np.linalg.norm(result.poison.z - result.features["train_z"][base], axis=1)
    np.testing.assert_allclose(plot.shift, shift, atol=1e-6)


def test_stages_are_told_in_order_and_timed(attack: str, results: Results) -> None:
    result, _, events = results(attack)
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == sorted(stages, key=list(STAGES).index)
    assert set(stages) == STAGES.keys() - {"target", "stage2", "decoder", "invert", "exchange", "pixels"} | set(
        stages
    ) & {stage.name for stage in RECORDS[attack].stages}
    assert result.seconds.keys() == set(stages)
    assert all(seconds >= 0 for seconds in result.seconds.values())
    assert [point.stage for point in result.curve] == [event.stage for event in events if event.values]


@pytest.mark.parametrize("at", STAGES)
def test_an_observer_stops_a_run(at: str, tmp_path: Path) -> None:
    reported: list[str] = []
    spec = spec_of({"decoder": "ft-decoder", "exchange": "fw-input"}.get(at, "ft-matching"))

    def stop(event: Event) -> None:
        reported.append(event.stage)
        if event.stage == at:
            raise Cancelled("The run was cancelled.")

    with pytest.raises(Cancelled):
        in_home(tmp_path, spec, stop)
    assert reported.count(at) == 1
    assert reported[-1] == at
    assert list(tmp_path.rglob(".*")) == [], "something half-written is left"


def test_the_attack_never_sees_the_test_set(attack: str, results: Results, tmp_path: Path) -> None:
    """With other test images and other labels the poison is the same, and only the score moves."""
    result, _, _ = results(attack)

    def other(spec: ExperimentSpec, test_rows: NDArray[np.intp] | None = None) -> Split:
        split = drawn(spec)
        return Split(split.train_x, split.train_y, 255 - split.test_x, (split.test_y + 1) % 10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "draw_for", other)
        changed = in_home(tmp_path, spec_of(attack))
    for field in ("x", "z", "y", "base_index", "zeta"):
        one, two = getattr(result.poison, field), getattr(changed.poison, field)
        assert (one is None and two is None) or np.array_equal(one, two), field
    assert changed.curve == result.curve
    assert changed.clean != result.clean


def test_cached_features_change_no_number_and_their_time_is_kept_apart(tmp_path: Path) -> None:
    first, again = (in_home(tmp_path, spec_of("label-flip", seed=3)) for _ in range(2))
    assert "extract" in first.seconds
    assert "extract_cached" not in first.seconds
    assert "extract_cached" in again.seconds
    assert "extract" not in again.seconds
    one, other = (replace(result.summary(), seconds={}) for result in (first, again))
    assert one == other
    for name, array in first.features.items():
        np.testing.assert_array_equal(array, again.features[name])


def test_bad_input_fails_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Event] = []
    with pytest.raises(SpecError):
        in_home(tmp_path, spec_of("label-flip", data="nothing"), reported.append)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError):
        run(spec_of("label-flip"), reported.append, device="cuda")
    assert reported == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory of the GPU is not enough"),
        (MemoryError(), "memory of this machine is not enough"),
    ],
)
def test_too_little_memory_is_told(error: Exception, words: str, tmp_path: Path) -> None:
    def starve(event: Event) -> None:
        if event.stage == "evaluate":
            raise error

    with pytest.raises(InsufficientMemory, match=words):
        in_home(tmp_path, spec_of("label-flip"), starve)
