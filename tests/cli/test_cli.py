"""The command line: what it writes, and that a mistake is one line, exit code 2 and nothing written."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest

from core.catalog import choices
from core.cli.main import _Progress, main
from core.data.registry import DATA
from core.extractors.registry import EXTRACTORS
from core.presentation import export
from core.spec.events import STAGES, Event
from core.storage import gallery
from core.storage.runs import Store
from core.system.errors import Cancelled
from core.system.paths import ROOT
from tests.drawn import drawn_result
from tests.fakes import tiny_result, tiny_spec

SMALL = ["--attack", "label-flip", "--train-size", "20", "--test-size", "20", "--device", "cpu"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, no weights but the packaged ones, no network and no GPU."""
    home = tmp_path / "home"
    monkeypatch.setenv("POISON_LAB_HOME", str(home))
    monkeypatch.delenv("POISON_LAB_WEIGHTS", raising=False)
    monkeypatch.delenv("POISON_LAB_DATA", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)

    def no_network(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    return home


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


def fake(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Replace the computation by nothing; gives the specs that would have been run."""
    ran: list[object] = []

    def quick(spec, observe, device="auto"):  # type: ignore[no-untyped-def]
        ran.append(spec)
        return tiny_result(spec)

    monkeypatch.setattr("core.experiments.run.run", quick)
    return ran


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
    assert ran == [], "told before the work, not after it"


def test_a_full_disk_is_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.experiments.result.write_npz", full)
    assert main(["run", "--out", str(tmp_path / "run"), "--quiet", *SMALL]) == 2
    assert capsys.readouterr().err.endswith("/run: No space left on device.\n")
    assert not (tmp_path / "run").exists()


def test_a_bug_is_not_passed_off_as_a_mistake(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("core.experiments.run.run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["run", "--out", str(tmp_path / "run"), *SMALL])


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dance"]) == 2
    error = capsys.readouterr().err
    assert "'dance'" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"]])
def test_help_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "Usage:" in printed.out
    assert printed.err == ""


def test_progress_on_a_terminal_is_written_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = _Progress()
    for done in (1, 2):
        progress(Event("stage2", done, 2, {"damage": 0.12345678}))
    progress(Event("map"))
    printed = capsys.readouterr().err
    assert printed.count("\n") == 2, "a line for each stage"
    assert f"\r\033[K{STAGES['stage2']} 2/2  damage 0.1235" in printed
    assert f"\r\033[K{STAGES['map']}" in printed


def test_list_loads_no_torch() -> None:
    code = "import sys; from core.cli.main import main; main(['list']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0


def test_a_cancelled_run_is_neither_success_nor_mistake(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cancel(*_: object, **__: object) -> None:
        raise Cancelled("The run was cancelled.")

    monkeypatch.setattr("core.experiments.run.run", cancel)
    assert main(["run", "--out", str(tmp_path / "run"), *SMALL]) == 130
    assert capsys.readouterr().err == "The run was cancelled.\n"
    assert not (tmp_path / "run").exists()


def test_list_as_json_is_the_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == choices.listing()


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    found = choices.listing()
    for kind in ("data", "extractors", "attacks", "constraints", "label_rules"):
        assert all(f"\n  {name} " in printed for name in found[kind])


def test_list_says_which_data_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "cifar-10-python.tar.gz").touch()
    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["cifar10"].endswith("CIFAR-10: on this machine")
    assert f"not on this machine; put cifar-100-python.tar.gz into {home / 'data'}" in lines["cifar100"]
    assert lines["mnist"].endswith(DATA["mnist"].title)


def test_doctor_tells_what_is_here_and_what_is_missing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["device"] == "cpu"
    assert report["data"] == {name: record.embedded for name, record in DATA.items()}
    assert any(f"put cifar-10-python.tar.gz into {home / 'data'}" in problem for problem in report["problems"])
    assert report["extractors"]["efficientnet-lite0-imagenet"]
    assert not report["extractors"]["resnet18-imagenet"]
    assert any("resnet18-f37072fd.pth" in problem for problem in report["problems"])
    assert report["home"] == str(home)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in DATA)
    assert "resnet18-f37072fd.pth" in printed
    assert not home.exists(), "looking writes nothing"


def test_doctor_survives_a_missing_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from core.system import versions as versions_module

    def version(name: str) -> str:
        if name == "timm":
            raise versions_module.metadata.PackageNotFoundError(name)
        return "1"

    fakes = SimpleNamespace(version=version, PackageNotFoundError=versions_module.metadata.PackageNotFoundError)
    monkeypatch.setattr(versions_module, "metadata", fakes)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "timm MISSING" in printed
    assert "Package timm is missing: pip install" in printed


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


@pytest.fixture
def finished(home: Path) -> Path:
    """The folder of a finished run in the store of `home`."""
    return Store(home / "results", shipped=None).put(drawn_result(tiny_spec())).folder


def test_report_and_table_are_written(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    html, table = tmp_path / "out" / "run.html", tmp_path / "out" / "run.csv"
    assert main(["report", finished.name, "--out", str(html), "--table", str(table)]) == 0
    assert capsys.readouterr().out == f"{html}\n{table}\n"
    assert html.read_text().startswith("<!doctype html>")
    assert len(table.read_text().splitlines()) == 1 + tiny_spec().n_poison
    # A folder of any name will do, and only what was asked for is written.
    elsewhere = finished.rename(tmp_path / "mine")
    assert main(["report", str(elsewhere), "--table", str(tmp_path / "other" / "run.parquet")]) == 0
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["run.parquet"]


BAD_REPORTS = {
    "nothing to write": (["RUN"], ["neither was given"]),
    "another suffix": (["RUN", "--out", "x.pdf"], ["x.pdf", "*.html"]),
    "another table": (["RUN", "--table", "x.xlsx"], ["x.xlsx", "*.csv or *.parquet"]),
    "no such run": (["0123456789abcdef", "--out", "x.html"], ["0123456789abcdef", "neither the folder"]),
    "no hash": (["../results", "--out", "x.html"], ["../results", "neither the folder"]),
    "another folder": ([".", "--out", "x.html"], ["not a run's folder"]),
    "one of two is bad": (["RUN", "--out", "x.html", "--table", "x.txt"], ["x.txt"]),
    "a folder": (["RUN", "--out", "folder.html"], ["folder.html", "can't be written"]),
    "below a file": (["RUN", "--out", "file/x.html"], ["can't be written"]),
    "no run": ([], ["argument", "run"]),
}


@pytest.mark.parametrize("case", BAD_REPORTS)
def test_a_report_that_cannot_be_is_one_line_and_nothing_is_written(
    case: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, words = BAD_REPORTS[case]
    here = tmp_path / "here"
    (here / "folder.html").mkdir(parents=True)
    (here / "file").touch()
    monkeypatch.chdir(here)
    assert main(["report", *(finished.name if word == "RUN" else word for word in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    assert all(word in printed.err for word in words), printed.err
    assert sorted(path.name for path in here.rglob("*")) == ["file", "folder.html"]


@pytest.mark.parametrize("name", ["result.json", "view.npz", "manifest.json"])
def test_a_damaged_run_is_one_line_and_stays_where_it_is(
    name: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = finished.rename(tmp_path / "mine")
    (mine / name).write_bytes(b"damaged")
    assert main(["report", str(mine), "--out", str(tmp_path / "x.html")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "damaged" in error
    assert mine.is_dir()
    assert not (tmp_path / "x.html").exists()


def test_sweep_writes_a_table_and_runs_nothing_twice(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "base.json"
    spec.write_text(json.dumps({"data": "fashion-mnist", "attack": "noise", "train_size": 40, "test_size": 20}))
    out = tmp_path / "sweep.csv"
    ask = ["sweep", "--spec", str(spec), "--budget", "0.1", "--seed", "0", "--out", str(out)]
    assert main([*ask, "--seed", "1"]) == 0
    assert "4 runs, 0 of them stored already" in capsys.readouterr().out
    rows = list(csv.DictReader(out.open()))
    assert [(row["attack"], row["seeds"]) for row in rows] == [("flips", "2"), ("noise", "2")]
    before = out.read_bytes()
    assert main([*ask, "--seed", "1"]) == 0
    assert "4 of them stored already" in capsys.readouterr().out
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--out", "table.txt"], "is not a *.csv file"),
        (["--out", "/nowhere/table.csv"], "its folder is not there"),
        (["--out", "t.csv", "--attack", "magic"], "magic"),
        (["--out", "t.csv", "--budget", "2"], "budget is 2"),
    ],
)
def test_bad_sweeps_are_refused_in_one_line(
    options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *options]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def old_run(home: Path, seed: int, hours: float) -> str:
    """A stored run that was written so long ago; gives its hash."""
    run = Store(home / "results", shipped=None).put(tiny_result(tiny_spec(seed)))
    os.utime(run.folder / "manifest.json", (time.time() - 3600 * hours,) * 2)
    return run.hash


def test_store_lists_what_is_kept_and_the_room_it_takes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = old_run(home, 0, hours=3), old_run(home, 1, hours=2)
    assert main(["store", "--pin", first]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == [second, first]
    assert [line.endswith("  pinned") for line in lines[:2]] == [False, True]
    assert lines[2].startswith("runs: 2, 1 of them pinned: ")
    assert lines[2].endswith(" of 20,000 MB")
    assert lines[3] == "cache: 0.0 MB of 20,000 MB"
    assert main(["store", "--unpin", first]) == 0
    assert "runs: 2, 0 of them pinned" in capsys.readouterr().out


def test_store_cleans_down_to_its_limit(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned, other = old_run(home, 0, hours=3), old_run(home, 1, hours=2)
    monkeypatch.setattr("core.system.retention.MEGABYTE", 1)  # the limit is then 100 bytes, less than anything takes
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "100")
    assert main(["store", "--pin", pinned]) == 0
    capsys.readouterr()
    assert main(["store", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"would be deleted: run {other}" in said
    assert "1 run would be deleted; what stays takes" in said
    assert "0 cached files would be deleted" in said
    assert (home / "results" / other).is_dir()
    assert main(["store", "--clean"]) == 0
    assert f"deleted: run {other}" in capsys.readouterr().out
    assert not (home / "results" / other).exists()
    assert (home / "results" / pinned).is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pin", "0" * 16], "isn't stored, so nothing was pinned"),
        (["--pin", "../results"], "isn't stored, so nothing was pinned"),
        (["--unpin", "0" * 16], "nothing to unpin"),
        (["--pin", "a", "--unpin", "a"], "both name a"),
        (["--dry-run", "--pin", "a"], "doesn't go with --pin"),
        (["--tidy"], "--tidy"),
    ],
)
def test_store_refuses_in_one_line(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_run(home, 0, hours=3)
    assert main(["store", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (home / "results" / "pinned").exists()


def test_store_refuses_a_shipped_run_and_a_limit_that_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "--pin", gallery.entries()[0].spec.hash]) == 2
    assert "ships with Poison Lab" in capsys.readouterr().err
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "99")
    assert main(["store", "--clean"]) == 2
    assert "POISON_LAB_STORE_MEGABYTES is '99'; allowed" in capsys.readouterr().err
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "100")
    monkeypatch.setenv("POISON_LAB_HOME", __file__)
    assert main(["store"]) == 2
    assert "can't be opened: Not a directory" in capsys.readouterr().err
