"""Certificates of stored runs: computed once, cached by run and number of partitions, printed in a terminal."""

import json
from pathlib import Path

import pytest

from core.certificates import evaluation
from core.cli.main import main
from core.storage import certified
from core.storage.runs import Store
from core.system.errors import SpecError, StoreError
from tests.storage.test_defended import separable


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return Store(tmp_path / "results", shipped=None)


def test_a_run_is_certified_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(separable())
    assert certified.find(run.hash, 5) is None
    result = certified.certify(str(store.root), run.hash, 5)
    assert result.added.partitions == 5
    assert result.added.clean == result.added.certified[0] > 0.8
    assert result.flipped.certified[0] <= result.flipped.clean
    assert [flips for flips, _ in result.flipped.plain] == [
        flips for flips in (1, 3, 10, 30, 100) if flips < len(run.features()["train_y"])
    ]
    monkeypatch.setattr(certified, "certify_run", lambda *_: pytest.fail("certified twice"))
    assert certified.certify(str(store.root), run.hash, 5) == result
    assert certified.find(run.hash, 5) == result
    assert certified.find(run.hash, 6) is None


def test_damage_is_certified_anew(store: Store) -> None:
    run = store.put(separable())
    first = certified.certify(str(store.root), run.hash, 4)
    paths = list((Path(store.root).parent / "cache" / "certified").iterdir())
    assert len(paths) == 2
    for path in paths:
        path.write_bytes(path.read_bytes()[:-9])
        assert certified.find(run.hash, 4) is None
        assert certified.certify(str(store.root), run.hash, 4) == first


def test_flipped_labels_are_certified_once_for_any_partitions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(separable())
    first = certified.certify(str(store.root), run.hash, 4)
    monkeypatch.setattr(evaluation, "flipped", lambda *_: pytest.fail("certified twice"))
    again = certified.certify(str(store.root), run.hash, 5)
    assert again.flipped == first.flipped
    assert again.added.partitions == 5


def test_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="isn't stored"):
        certified.certify(str(store.root), "0" * 16, 5)


@pytest.mark.parametrize("partitions", [1, 0, -3, 1001])
def test_bounds_of_partitions(partitions: int, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpecError, match="allowed: 2 to 1,000"):
        certified.certify(str(store.root), "0" * 16, partitions)
    assert main(["certify", "0" * 16, f"--partitions={partitions}"]) == 2
    assert "allowed: 2 to 1,000" in capsys.readouterr().err


def test_the_command_line_says_what_is_certain(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run = store.put(separable())
    assert main(["certify", str(run.folder), "--partitions", "5"]) == 0
    output = capsys.readouterr().out
    assert "5 heads on parts of the data" in output
    assert "1 point added:" in output
    assert "labels flipped" in output
    assert main(["certify", run.hash, "--partitions", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == certified.certify(str(store.root), run.hash, 5).to_json()
