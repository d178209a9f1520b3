"""`run`: what it writes, and that a mistake is one line, exit code 2 and nothing written."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cli.main import main
from core.data.registry import DATA
from core.extractors.registry import EXTRACTORS
from core.presentation import export
from core.system.errors import Cancelled
from tests.fakes import tiny_result, tiny_spec

SMALL = ["--attack", "label-flip", "--train-size", "20", "--test-size", "20", "--device", "cpu"]


def fake(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Replace the computation by nothing; gives the specs that would have been run."""
    ran: list[object] = []

    def quick(spec, observe, device="auto"):  # type: ignore[no-untyped-def]
        ran.append(spec)
        return tiny_result(spec)

    monkeypatch.setattr("core.experiments.run.run", quick)
    return ran


def test_a_run_writes_its_folder(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "run"
    assert main(["run", "--out", str(out), *SMALL, "--budget", "0.1", "--lambda", "0.01", "--seed", "4"]) == 0
    summary = json.loads((out / "result.json").read_text())
    assert summary["spec"]["seed"] == 4
    assert summary["lambda"] == 0.01
    assert summary["n_poison"] == 2
    assert {path.name for path in out.iterdir()} >= {"features.npz", "poison", "manifest.json"}
    printed = capsys.readouterr()
    assert f"clean {100 * summary['clean']['accuracy']:.1f}%" in printed.out
    assert f"poisoned {100 * summary['poisoned']['accuracy']:.1f}%" in printed.out
    assert str(out) in printed.out
    assert "Training the clean head" in printed.err


def test_options_make_the_spec(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = fake(monkeypatch)
    options = ["--data", "emoji", "--train-domain", "twitter", "--extractor", "efficientnet-lite0-random"]
    options += ["--input-size", "128", "--attack", "ft-matching", "--stage2", "gc", "--target", "gradpc"]
    options += ["--set", "radius=2", "--set", "steps=9", "--budget", "0.2", "--constraint", "perturbation"]
    options += ["--delta", "0.1", "--label-rule", "random", "--train-size", "50", "--test-size", "30", "--quiet"]
    options += ["--evade", "slab"]
    assert main(["run", "--out", str(tmp_path / "run"), *options]) == 0
    attack = {"name": "ft-matching", "stage2": "gc", "target": "gradpc", "radius": 2.0, "steps": 9}
    assert ran == [
        tiny_spec(
            data="emoji", train_domain="twitter", test_domain="twitter", extractor="efficientnet-lite0-random",
            input_size=128, attack=attack, budget=0.2, constraint="perturbation", delta=0.1, label_rule="random",
            evade="slab", train_size=50, test_size=30,
        )
    ]  # fmt: skip
    assert capsys.readouterr().err == ""


BAD = {
    "unknown data": (["--data", "nothing"], ["'nothing'", *DATA]),
    "unknown extractor": (["--extractor", "nothing"], ["'nothing'", *EXTRACTORS]),
    "unknown attack": (["--attack", "nothing"], ["'nothing'", "label-flip"]),
    "unknown constraint": (["--constraint", "nothing"], ["'nothing'", "'valid'"]),
    "unknown label rule": (["--label-rule", "nothing"], ["'nothing'", "'random'"]),
    "unknown domain": (["--data", "emoji", "--train-domain", "moon"], ["'moon'", "google"]),
    "unknown device": (["--device", "toaster"], ["'toaster'", "cuda"]),
    "no GPU": (["--device", "cuda"], ["no GPU"]),
    "budget 0": (["--budget", "0"], ["budget", "more than 0, at most 1"]),
    "budget -1": (["--budget", "-1"], ["budget", "more than 0, at most 1"]),
    "budget 1.5": (["--budget", "1.5"], ["budget", "more than 0, at most 1"]),
    "budget nan": (["--budget", "nan"], ["budget", "nan"]),
    "budget inf": (["--budget", "inf"], ["budget", "inf"]),
    "budget text": (["--budget", "lots"], ["budget", "number"]),
    "seed text": (["--seed", "x"], ["seed", "integer"]),
    "negative seed": (["--seed", "-1"], ["seed"]),
    "too many images": (["--train-size", "60001"], ["60001", "60000"]),
    "too few images": (["--test-size", "19"], ["19", "20"]),
    "input size": (["--input-size", "65"], ["65", "takes input_size 28"]),
    "ridge 0": (["--ridge", "0"], ["ridge"]),
    "missing weights": (["--extractor", "resnet18-imagenet"], ["resnet18-f37072fd.pth", "POISON_LAB_WEIGHTS"]),
    "missing data": (["--data", "cifar10"], ["cifar-10-python.tar.gz", "POISON_LAB_DATA"]),
    "refused combination": (["--constraint", "perturbation", "--attack", "gc-feature"], ["gc-feature", "none, valid"]),
    "flips nothing": (["--label-rule", "clean"], ["flips nothing"]),
    "set without value": (["--set", "steps"], ["NAME=VALUE", "'steps'"]),
    "set of the unknown": (["--set", "steps=3"], ["attack.steps"]),
    "stage2 of another attack": (["--stage2", "gc"], ["attack.stage2"]),
    "unknown option": (["--colour", "red"], ["--colour"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_and_nothing_is_written(
    case: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, words = BAD[case]
    out = tmp_path / "run"
    assert main(["run", "--out", str(out), "--quiet", *SMALL, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    assert printed.err.endswith("\n")
    for word in words:
        assert word in printed.err
    assert not out.exists()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_out_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    error = capsys.readouterr().err
    assert "--out" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("kind", ["folder of something else", "file"])
def test_what_is_not_a_run_is_never_replaced(
    kind: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = fake(monkeypatch)
    out = tmp_path / "mine"
    precious = out if kind == "file" else out / "thesis.txt"
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("years of work")
    assert main(["run", "--out", str(out), *SMALL]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(out) in error
    assert precious.read_text() == "years of work"
    assert ran == []


def test_an_earlier_run_and_an_empty_folder_are_replaced(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch)
    out = tmp_path / "run"
    out.mkdir()
    for seed in (0, 1):
        assert main(["run", "--out", str(out), *SMALL, "--seed", str(seed)]) == 0
        assert json.loads((out / "result.json").read_text())["spec"]["seed"] == seed


def test_a_folder_that_cannot_be_written_is_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = fake(monkeypatch)
    (tmp_path / "file").write_text("")
    assert main(["run", "--out", str(tmp_path / "file" / "run"), "--quiet", *SMALL]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "can't be written" in error
    assert ran == [], "reported before the work, not after it"


def test_a_full_disk_is_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.experiments.run_folder.write_npz", full)
    assert main(["run", "--out", str(tmp_path / "run"), "--quiet", *SMALL]) == 2
    assert capsys.readouterr().err.endswith("/run: No space left on device.\n")
    assert not (tmp_path / "run").exists()


def test_a_bug_is_not_passed_off_as_a_mistake(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("core.experiments.run.run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["run", "--out", str(tmp_path / "run"), *SMALL])


def test_a_cancelled_run_is_neither_success_nor_mistake(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cancel(*_: object, **__: object) -> None:
        raise Cancelled("The run was cancelled.")

    monkeypatch.setattr("core.experiments.run.run", cancel)
    assert main(["run", "--out", str(tmp_path / "run"), *SMALL]) == 130
    assert capsys.readouterr().err == "The run was cancelled.\n"
    assert not (tmp_path / "run").exists()


def test_spec_file_is_the_whole_experiment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = fake(monkeypatch)
    spec = tiny_spec(5, attack={"name": "ft-matching", "steps": 9}, ridge=0.01)
    (tmp_path / "spec.json").write_text(export.spec_json(spec))
    out = ["--out", str(tmp_path / "run")]
    assert main(["run", "--spec", str(tmp_path / "spec.json"), *out, "--device", "cpu", "--quiet"]) == 0
    assert main(["run", "--spec", str(tmp_path / "run" / "result.json"), *out, "--quiet"]) == 0
    assert ran == [spec, spec]


BAD_SPECS = {
    "another option": ("good", ["--budget", "0.03", "--set", "steps=3"], ["leave out --budget, --set"]),
    "the default, given": ("good", ["--seed", "0"], ["leave out --seed"]),
    "no such file": (None, [], ["spec.json", "No such file"]),
    "no JSON": ("{", [], ["not JSON"]),
    "another file": ("{}", [], ["names no data"]),
    "a bad value": ('{"data": "mnist", "budget": 2}', [], ["budget is 2"]),
}


@pytest.mark.parametrize("case", BAD_SPECS)
def test_a_bad_spec_is_one_line_and_nothing_is_run(
    case: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, options, words = BAD_SPECS[case]
    ran = fake(monkeypatch)
    file = tmp_path / "spec.json"
    if content is not None:
        file.write_text(export.spec_json(tiny_spec()) if content == "good" else content)
    assert main(["run", "--spec", str(file), "--out", str(tmp_path / "run"), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert all(word in error for word in words), error
    assert ran == []
    assert not (tmp_path / "run").exists()


def write_pets(folder: Path, cats: int, dogs: int) -> None:
    """Two classes of noise, one of them brighter."""
    rng = np.random.default_rng(0)
    for name, count, brightness in (("cats", cats, 120), ("dogs", dogs, 250)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, brightness, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:03d}.png")


@pytest.mark.parametrize("cats", [200, 30])
def test_a_rare_class_is_in_training_and_test_and_is_mentioned(
    cats: int, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its share alone, the class would have no test image where it is one in twenty."""
    write_pets(tmp_path / "pets", cats, 10)
    options = ["--attack", "label-flip", "--train-size", "20", "--test-size", "10", "--device", "cpu", "--quiet"]
    out = tmp_path / "run"
    assert main(["run", "--data", f"image-folder:{tmp_path / 'pets'}", "--out", str(out), *options]) == 0
    summary = json.loads((out / "result.json").read_text())
    rare = 1 if cats == 200 else 2  # of 10 images, their shares being 0.48 and 2.5
    assert [sum(row) for row in summary["clean"]["confusion"]] == [10 - rare, rare]
    with np.load(out / "features.npz") as features:
        assert np.bincount(features["train_y"]).min() == (1 if cats == 200 else 5)
    balanced = 50 * sum(summary["clean"]["per_class"])
    printed = capsys.readouterr().out
    assert "Classes are uneven: of 10 test images," in printed
    assert f"Clean {balanced:.1f} %" in printed


def test_even_classes_are_not_mentioned(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--out", str(tmp_path / "run"), *SMALL, "--quiet"]) == 0
    assert "uneven" not in capsys.readouterr().out
