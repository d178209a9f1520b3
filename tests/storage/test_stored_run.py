"""Reading one run: from a store, and from a folder of any name."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.experiments import run_folder
from core.experiments.run_folder import checksums, write_json
from core.storage import marks
from core.storage.integrity import RunFolder
from core.storage.runs import Store, load
from core.system.errors import StoreError
from tests.fakes import tiny_result, tiny_spec
from tests.storage.stores import plot_of, put


def test_a_file_is_handed_out_only_as_its_manifest_says(tmp_path: Path) -> None:
    run = Store(tmp_path, shipped=None).put(tiny_result(tiny_spec()))
    assert run.file("poison/labels.csv") == (run.folder / "poison" / "labels.csv").read_bytes()
    (run.folder / "poison" / "labels.csv").write_text("other")
    with pytest.raises(StoreError, match="damaged"):
        run.file("poison/labels.csv")


def test_a_run_is_read_from_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tiny_result(tiny_spec())
    run_folder.write(result, tmp_path / "first try")
    run = load(tmp_path / "first try")
    assert (run.hash, run.spec) == (result.spec.hash, result.spec)
    np.testing.assert_array_equal(plot_of(run).poison_y, result.poison.y)
    (run.folder / "view.npz").write_bytes(b"no archive")
    with pytest.raises(StoreError, match="damaged"):
        run.plot()
    assert (tmp_path / "first try").is_dir(), "a person's own folder is never moved"
    monkeypatch.setattr("core.spec.experiment.SPEC_VERSION", 99)
    with pytest.raises(StoreError, match="another version"):
        load(tmp_path / "first try")
    with pytest.raises(StoreError, match="not a run's folder"):
        load(tmp_path)


def test_a_reader_of_what_is_deleted_meanwhile_is_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    run = put(store, 0, hours=9)
    read, marks._NOTED[store.root / "used" / run.hash] = RunFolder.read, time.monotonic()

    def deleted_first(folder: RunFolder, name: str) -> bytes:
        store.clean(0)
        return read(folder, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "read", deleted_first)
        with pytest.raises(StoreError, match="isn't stored any more"):
            run.plot()
    with pytest.raises(StoreError, match="isn't stored"):
        run.features()
    assert run.images() == []
    assert store.get(run.hash) is None
    assert "damaged" not in caplog.text
    assert not (store.root / "damaged").exists()
    assert put(store, 0, hours=0).features()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clean": None}, "result.json"),
        ({"poisoned": {"accuracy": 0.6}}, "per_class"),
        ({"n_test": "many"}, "many"),
    ],
)
def test_a_result_that_is_none_is_said_in_a_sentence_and_left_out_of_lists(
    change: dict[str, object], words: str, store: Store
) -> None:
    run = store.put(tiny_result(tiny_spec()))
    for name in ("result.json", "manifest.json"):
        (run.folder / name).unlink()
    write_json(run.folder / "result.json", {**run.content, **change})
    write_json(run.folder / "manifest.json", checksums(run.folder))
    strange = store.get(run.hash)
    assert strange is not None
    with pytest.raises(StoreError, match=f"Run {run.hash} can't be read .*{words}.*; run the experiment again"):
        _ = strange.summary
    os.utime(run.folder / "manifest.json", (1e9, 1e9))
    assert store.list() == []


def test_a_run_without_a_map_has_nothing_to_draw(store: Store) -> None:
    assert store.put(replace(tiny_result(tiny_spec()), plot=None)).plot() is None
