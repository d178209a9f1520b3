"""A home folder and a run's folder of version 0.1.0: they open, and the same question has the same answer."""

import json
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core import load_run
from core.catalog import uploads
from core.catalog.choices import resolve
from core.catalog.lookup import data_info, extractor_info
from core.certificates.certificate import Certificates
from core.cli.main import main
from core.data.readers import read
from core.defences.verdict import DefenceVerdict
from core.experiments import cost
from core.experiments.run import run
from core.extractors.build import build
from core.serving import engine
from core.serving.journal import Journal
from core.spec.experiment import parse_spec
from core.storage import certified, defended, gallery, retention
from core.storage.runs import Store, StoredRun
from core.storage.uploads import preview
from core.system import cache
from pages import _runs
from tests.apps import opened, shown_text

SOUND = ("label-flip", "ft-matching", "gc-feature", "evading", "uploaded")
RUNS = pytest.mark.parametrize("name", SOUND)
KEYS = {
    *("classes", "clean", "curve", "device", "inversion_gap", "lambda", "n_poison", "n_test", "n_train", "notes"),
    *("poisoned", "seconds", "spec", "spec_hash", "stage2", "target", "threshold", "versions", "walk"),
}
"""Of result.json, as the README of version 0.1.0 had them."""


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home / "results", shipped=None)


def stored(store: Store, known: dict[str, Any], name: str) -> StoredRun:
    found = store.get(known["runs"][name]["hash"])
    assert found is not None
    return found


def result_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def test_every_run_is_listed(store: Store, known: dict[str, Any]) -> None:
    assert sorted(row.hash for row in store.list()) == known["listed"]
    flips = {known["runs"][name]["hash"] for name in ("label-flip", "uploaded")}
    assert {row.hash for row in store.list(attack="label-flip")} == flips
    assert [row.hash for row in store.list(attack="tgda-feature")] == [known["runs"]["evading"]["hash"]]


@RUNS
def test_a_run_opens_whole(store: Store, known: dict[str, Any], name: str) -> None:
    stored_run = stored(store, known, name)
    content = json.loads(stored_run.file("result.json"))
    summary = stored_run.summary
    assert summary.spec == stored_run.spec == parse_spec(known["runs"][name]["spec"])
    assert summary.spec_hash == stored_run.hash == stored_run.spec.hash
    assert json.loads(json.dumps(summary.to_json())) == content, "nothing of it is lost"
    assert set(content) == KEYS
    assert (summary.clean.accuracy, summary.poisoned.accuracy) == (
        content["clean"]["accuracy"],
        content["poisoned"]["accuracy"],
    )
    m, n = summary.n_poison, summary.n_train
    features = stored_run.features()
    assert (len(features["train_z"]), len(features["poison_z"]), len(features["test_z"])) == (n, m, summary.n_test)
    plot = stored_run.plot()
    assert plot is not None
    assert (plot.train_xy.shape, plot.poison_xy.shape) == ((n, 2), (m, 2))
    makes_images = name in ("label-flip", "ft-matching", "uploaded")
    assert len(stored_run.images()) == (m if makes_images else 0)
    assert ("x" in stored_run.poison()) == (plot.poison_x is not None) == makes_images


def test_pins_hold(store: Store, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "YOUNG_SECONDS", 0.0)
    pinned = {name for name in known["runs"] if store.is_pinned(known["runs"][name]["hash"])}
    assert pinned == {"gc-feature"}
    deleted = {entry.name for entry in store.clean(0, dry_run=True).deleted}
    assert known["runs"]["gc-feature"]["hash"] not in deleted
    assert known["runs"]["label-flip"]["hash"] in deleted


def test_the_damaged_run_is_set_aside(store: Store, known: dict[str, Any]) -> None:
    spec_hash = known["runs"]["damaged"]["hash"]
    aside = known["runs"]["set aside"]["hash"]
    assert [path.name[:16] for path in (store.root / "damaged").iterdir()] == [aside]
    assert store.get(spec_hash) is None
    assert sorted(path.name[:16] for path in (store.root / "damaged").iterdir()) == sorted([aside, spec_hash])
    assert spec_hash not in [row.hash for row in store.list()]


def as_json(answer: DefenceVerdict | Certificates) -> Any:
    return json.loads(json.dumps(answer.to_json()))


def test_verdicts_and_certificates_are_kept(
    store: Store, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((defended, "judge_run"), (certified, "certify_run")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("computed again"))
    assert known["verdicts"]
    for spec_hash, chain, verdict in known["verdicts"]:
        assert as_json(defended.judge(str(store.root), spec_hash, chain)) == verdict
    asked = known["certificate"]
    assert as_json(certified.certify(str(store.root), asked["hash"], asked["partitions"])) == asked["result"]


def test_verdicts_come_out_the_same_when_they_are_computed_again(store: Store, known: dict[str, Any]) -> None:
    spec_hash, chain, verdict = known["verdicts"][0]
    again = as_json(defended.judge_run(stored(store, known, "label-flip"), defended.parse_chain(chain)))
    assert stored(store, known, "label-flip").hash == spec_hash
    assert_same(again, verdict)


def test_uploads_are_where_they_were(home: Path, known: dict[str, Any]) -> None:
    images, weights, owner = (known["uploads"][key] for key in ("images", "weights", "owner"))
    assert set(uploads.all_images(owner)) == {images}
    assert set(uploads.all_weights(owner)) == {weights}
    assert uploads.all_images("browser:else") == {}
    x, y = read(data_info(images), "train")
    assert (x.shape, np.bincount(y).tolist()) == ((24, 3, 64, 64), [12, 12])
    assert preview(images).test == {"cats": 5, "dogs": 5}
    network = build(extractor_info(weights), 28, torch.device("cpu"))
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 512)
    spec = resolve(parse_spec({"data": images, "extractor": weights, "train_size": 20, "test_size": 10}))
    assert spec.hash == known["uploads"]["of both"]


def test_rates_are_read(home: Path, known: dict[str, Any]) -> None:
    spec = parse_spec(known["runs"]["label-flip"]["spec"])
    measured = cost.estimate(spec, "cpu")
    (home / "rates.json").rename(home / "other.json")
    assert measured != cost.estimate(spec, "cpu")
    # Of all that a rate says, the clean head's is by nothing but the device.
    units = spec.train_size * 512 * 10
    assert measured["clean"] == pytest.approx(units * known["rates"]["rates"]["cpu/clean/"])
    assert cost.images_per_second("resnet10-small-fashion-mnist")[1] is False
    (home / "other.json").rename(home / "rates.json")
    assert cost.images_per_second("resnet10-small-fashion-mnist")[1] is True


def test_what_was_interrupted_is_known(home: Path, known: dict[str, Any]) -> None:
    journal = Journal(home / "results")
    interrupted = journal.interrupted()
    assert set(interrupted) == {known["interrupted"]}
    assert interrupted[known["interrupted"]].attack.name == "noise"
    journal.settle(known["interrupted"])
    assert journal.interrupted() == {}


@RUNS
def test_a_run_comes_out_the_same_from_what_is_cached(
    store: Store, known: dict[str, Any], name: str, interface: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(store, known, name)
    for writing in ("write", "write_in_parts"):
        monkeypatch.setattr(cache, writing, lambda *_, **__: pytest.fail("features or map are computed again"))
    result = run(parse_spec(before.content["spec"]), device="cpu")
    assert "extract_cached" in result.seconds
    assert result.spec.hash == before.hash
    after = json.loads(json.dumps(result.summary().to_json()))
    assert_same(results(after), results(before.content), exactly=is_same_machine(interface))
    again = store.put(result)
    for file in ("poison.npz", "features.npz"):
        with np.load(before.folder / file) as old, np.load(again.folder / file) as new:
            assert set(old) == set(new)
            for array in old:
                np.testing.assert_allclose(new[array], old[array], rtol=1e-3, atol=1e-4)


def test_a_result_is_a_spec_of_the_command_line(home: Path, before: Path, interface: dict[str, Any]) -> None:
    old, out = result_of(before / "run"), before / "again"
    options = ["--out", str(out), "--device", "cpu", "--quiet"]
    assert main(["run", "--spec", str(before / "run" / "result.json"), *options]) == 0
    new = result_of(out)
    assert new["spec_hash"] == old["spec_hash"]
    assert_same(results(new), results(old), exactly=is_same_machine(interface))


def test_a_runs_folder_opens(home: Path, before: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = load_run(before / "run")
    assert (old.hash, old.spec.hash) == (result_of(before / "run")["spec_hash"],) * 2
    report, table = before / "run.html", before / "run.csv"
    assert main(["report", str(before / "run"), "--out", str(report), "--table", str(table)]) == 0
    text = report.read_text()
    assert old.hash in text
    assert "Poison Lab 0.1.0" in text
    assert len(table.read_text().splitlines()) == 1 + old.summary.n_poison
    assert main(["defend", str(before / "run"), "--with", "knn"]) == 0
    assert "knn" in capsys.readouterr().out
    assert main(["certify", str(before / "run"), "--partitions", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"]["partitions"] == 3


def test_the_command_line_reads_the_store(
    home: Path, known: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store"]) == 0
    printed = capsys.readouterr().out
    assert all(known["runs"][name]["hash"] in printed for name in SOUND)
    assert "1 of them pinned" in printed
    assert main(["report", known["runs"]["ft-matching"]["hash"], "--out", str(home / "run.html")]) == 0


def test_the_lab_shows_a_run_of_before(
    home: Path, store: Store, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "GALLERY", home / "no-gallery")
    idle = SimpleNamespace(job=lambda _: None, was_interrupted=lambda spec_hash: spec_hash == known["interrupted"])
    monkeypatch.setattr(engine, "get_engine", lambda: idle)
    query = {"attack": "label-flip", "train": "24", "test": "20", "budget": "15"}
    app = opened("lab.py", **query)
    assert app.session_state.spec.hash == known["runs"]["label-flip"]["hash"]
    assert "Already computed" in shown_text(app)
    assert "Result of these settings" in shown_text(app)
    assert not app.error


def test_what_ships_is_what_shipped(interface: dict[str, Any]) -> None:
    assert {entry.spec.hash for entry in gallery.entries()} >= set(interface["gallery"])


def results(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a run has found, without how long it took and where."""
    return {key: value for key, value in summary.items() if key not in ("seconds", "versions", "device")}


def is_same_machine(interface: dict[str, Any]) -> bool:
    """Whether the last digits have to be those of before, too: the same libraries on the same kind of processor."""
    return bool(
        interface["machine"]
        == {
            "processor": platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
    )


def assert_same(new: Any, old: Any, *, exactly: bool = False, where: str = "") -> None:
    """Compare JSON, whose numbers may differ in the last digits unless `exactly`; keys may have come in addition."""
    if isinstance(old, dict):
        assert set(new) >= set(old), where
        for key in old:
            assert_same(new[key], old[key], exactly=exactly, where=f"{where}.{key}")
    elif isinstance(old, list):
        assert len(new) == len(old), where
        for i, pair in enumerate(zip(new, old, strict=True)):
            assert_same(*pair, exactly=exactly, where=f"{where}[{i}]")
    elif isinstance(old, float) and not exactly:
        assert math.isclose(new, old, rel_tol=1e-3, abs_tol=1e-6), (where, new, old)
    else:
        assert new == old, where
