"""Answers kept on disk: under the keys that earlier versions have used, and never served across versions."""

from pathlib import Path

import pytest

from core.defences.chain import parse_chain
from core.storage import certified, defended
from core.storage.result_cache import ResultCache

HASH = "0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def test_what_is_written_is_read() -> None:
    results = ResultCache("sums", version=1)
    key = results.key(HASH, [1, 2])
    assert results.read(key) is None
    results.write(key, {"sum": 3})
    assert results.read(key) == {"sum": 3}
    assert results.read(results.key(HASH, [2, 1])) is None


def test_another_version_asks_again() -> None:
    first, second = ResultCache("sums", version=1), ResultCache("sums", version=2)
    first.write(first.key(HASH), {"sum": 3})
    assert second.read(second.key(HASH)) is None


SCORE = {"accuracy": 0.5, "per_class": [0.5, 0.5], "confusion": None, "lost": None, "gained": None}
STEP = {
    **{"name": "loss", "removed": [3, 21], "n_poison": 2, "n_clean": 20, "found": 1, "auc": 0.75},
    **{"precision": 0.5, "recall": 0.5, "clean_lost": 1},
}
VERDICT = {
    **{"clean": SCORE, "poisoned": SCORE, "defended": SCORE, "random": 0.5, "regained": 0.0},
    **{"steps": [STEP], "whole": {**STEP, "name": "", "auc": None}},
}
ADDED = {"partitions": 5, "clean": 0.8, "attacked": 0.7, "certified": [0.8, 0.5, 0.0]}
FLIPPED = {
    **{"noise": {"q": 0.6, "heads": 500, "ridge": 0.03, "seed": 0}, "clean": 0.6},
    **{"certified": [0.5, 0.0], "plain": [[1, 0.9], [3, 0.8]]},
}


def test_a_home_that_exists_is_read(home: Path) -> None:
    """Keys and contents are those that earlier versions have written."""
    chain = parse_chain(["sphere", "loss:share=0.1"])
    assert defended.key(HASH, chain) == "f5d6bb2615e714d422c8dae1dc992ceb"
    verdicts, certificates = ResultCache("defended", version=1), ResultCache("certified", version=2)
    verdicts.write("f5d6bb2615e714d422c8dae1dc992ceb", VERDICT)
    certificates.write("9bee4b2292021dda9ce7a91315c02d09", ADDED)
    certificates.write("1a31c88658f2ce27b2408a78c822d407", FLIPPED)
    assert (home / "cache" / "defended" / "f5d6bb2615e714d422c8dae1dc992ceb.json").exists()
    verdict = defended.find(HASH, chain)
    assert verdict is not None
    assert verdict.to_json() == VERDICT
    both = certified.find(HASH, 5)
    assert both is not None
    assert both.to_json() == {"added": ADDED, "flipped": FLIPPED}
    assert [both.added.at(points) for points in (0, 1, 2, 9)] == [0.8, 0.5, 0.0, 0.0]
