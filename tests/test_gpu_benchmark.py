"""The measurements for a GPU, on the CPU: what they count, and that the script runs from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu, pretraining, report
from core.data.readers import read
from core.data.registry import DATA
from core.system.paths import ROOT

CPU = torch.device("cpu")
NO_GPU = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]


def test_what_was_not_measured_stays_empty() -> None:
    rows = cells(gpu.table({"large": {"value": 7.91}, "extraction": {"value": 0.634}}))
    assert [row[3] for row in rows] == ["0.63", "", "", "", "7.9 s", ""]
    assert [row[1] for row in rows] == ["0.11", "15 s", "", "", "146 s", ""]


def test_the_page_has_a_place_for_each_table_and_no_figure_that_no_gpu_gave() -> None:
    text = report.README.read_text()
    for name in ("gpu", "pretraining"):
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
    shown = text.partition("<!-- gpu -->\n")[2].partition("\n<!-- /gpu -->")[0]
    file = report.FOLDER / "gpu.json"
    values = json.loads(file.read_text())["values"] if file.exists() else {}
    assert shown.startswith(gpu.table(values))


def test_tables_go_to_another_folder_one_after_the_other(tmp_path: Path) -> None:
    before = report.README.read_text()
    report.write("gpu", "a table", {"a": 1}, tmp_path)
    report.write("pretraining", "another", {"b": 2}, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "<!-- gpu -->\na table\n<!-- /gpu -->" in text
    assert "<!-- pretraining -->\nanother\n<!-- /pretraining -->" in text
    assert json.loads((tmp_path / "pretraining.json").read_text()) == {"b": 2}
    assert report.README.read_text() == before


def test_the_large_run_is_the_one_of_the_paper() -> None:
    large = gpu.Sizes().large
    assert (large.train_size, large.n_poison, large.attack.name) == (50_000, 1_500, "ft-matching")
    strongest = gpu.Sizes().strongest
    assert (strongest.train_size, strongest.n_poison, strongest.attack.name) == (50_000, 1_500, "fw-input")


def test_extraction_is_measured_beside_the_best_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1_000))
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: float(next(times)))
    values = gpu.extraction(CPU, gpu.Sizes(images=50, batches=(20, 50), rounds=2))
    # Whatever is timed takes a second here: three batches of 20 stand for 60 images, one of 50 for 50.
    assert values["bare images/s"] == pytest.approx({"20": 60.0, "50": 50.0})
    assert values["images/s"] == pytest.approx(50.0)
    assert values["value"] == pytest.approx(50 / 60)


def test_images_of_a_pretraining_come_again_where_there_are_too_few() -> None:
    x = pretraining.images("emoji", 1_342)
    assert x.shape == (1_342, 3, 64, 64)
    assert torch.equal(x[1_340:], x[:2])
    first = torch.from_numpy(read(DATA["fashion-mnist"], "train")[0][:3].copy())
    assert torch.equal(pretraining.images("fashion-mnist", 3), first)


@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_an_epoch_of_pretraining_is_timed_beside_as_many_bare_steps(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(1_000))
    monkeypatch.setattr(pretraining.time, "perf_counter", lambda: float(next(times)))
    done: list[str] = []
    make = pretraining.bare_step

    def counted(*arguments: object) -> object:
        step = make(*arguments)  # type: ignore[arg-type]
        return lambda: (done.append("bare"), step())

    monkeypatch.setattr(pretraining, "bare_step", counted)
    bare, whole = pretraining.seconds(pretraining.Case("fashion-mnist", method, 4), CPU, steps=2, rounds=2)
    assert bare == [1.0, 1.0]
    assert len(whole) == 2
    assert done == ["bare"] * 6, "two steps for each of two rounds and the warm-up"


@pytest.mark.processes
def test_the_script_says_what_it_takes_and_that_there_is_no_gpu() -> None:
    wrong = subprocess.run(["benchmarks/gpu.sh", "--huge"], cwd=ROOT, env=NO_GPU, capture_output=True, text=True)
    assert (wrong.returncode, "benchmarks/gpu.sh [--tiny] [--out FOLDER]" in wrong.stderr) == (2, True)
    without = subprocess.run(["benchmarks/gpu.sh"], cwd=ROOT, env=NO_GPU, capture_output=True, text=True)
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr == "torch sees no GPU here; --tiny tries this script on the CPU.\n"


@pytest.mark.slow
@pytest.mark.processes
def test_the_script_runs_from_end_to_end_in_tiny_sizes(tmp_path: Path) -> None:
    before = report.README.read_text()
    command = ["benchmarks/gpu.sh", "--tiny", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=NO_GPU, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All done in " in done.stdout
    assert "NO GPU: nothing was tested on one" in done.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "gpu.json", "pretraining.json", "gpu-tests.xml"}
    measured = json.loads((tmp_path / "gpu.json").read_text())["values"]
    assert measured.keys() == gpu.ROWS.keys()
    assert all(values["value"] > 0 for values in measured.values())
    text = (tmp_path / "README.md").read_text()
    assert gpu.table(measured) in text
    assert "| emoji, simclr | 8 |" in text
    assert report.README.read_text() == before


@pytest.mark.processes
def test_a_step_that_fails_does_not_keep_the_rest_from_being_measured(tmp_path: Path) -> None:
    """With an interpreter that fails at the measurements."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "called $*"\ncase "$*" in *benchmarks.gpu*) exit 3;; esac\n')
    python.chmod(0o755)
    environment = {**NO_GPU, "PYTHON": str(python)}
    done = subprocess.run(["benchmarks/gpu.sh", "--tiny"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    called = [line for line in done.stdout.splitlines() if line.startswith("called ")]
    assert [line.split()[2] for line in called] == ["pytest", "benchmarks.gpu", "benchmarks.pretraining"]
    assert "Failed: measurements (exit code 3)" in done.stdout
