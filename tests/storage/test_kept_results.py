"""Answers kept on disk: under the keys that earlier versions have used, and never served across versions."""

from pathlib import Path

import pytest

from core.defences.chain import parse_chain
from core.storage import certified, defended
from core.storage.kept_results import KeptResults

HASH = "0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def test_what_is_written_is_read() -> None:
    results = KeptResults("sums", version=1)
    key = results.key(HASH, [1, 2])
    assert results.read(key) is None
    results.write(key, {"sum": 3})
    assert results.read(key) == {"sum": 3}
    assert results.read(results.key(HASH, [2, 1])) is None


def test_another_version_asks_again() -> None:
    first, second = KeptResults("sums", version=1), KeptResults("sums", version=2)
    first.write(first.key(HASH), {"sum": 3})
    assert second.read(second.key(HASH)) is None


def test_keys_are_those_of_homes_that_exist(home: Path) -> None:
    chain = parse_chain(["sphere", "loss:share=0.1"])
    assert defended.key(HASH, chain) == "f5d6bb2615e714d422c8dae1dc992ceb"
    verdicts, certificates = KeptResults("defended", version=1), KeptResults("certified", version=2)
    verdicts.write("f5d6bb2615e714d422c8dae1dc992ceb", {"regained": 1.0})
    certificates.write("9bee4b2292021dda9ce7a91315c02d09", {"partitions": 5})
    certificates.write("1a31c88658f2ce27b2408a78c822d407", {"clean": 0.5})
    assert (home / "cache" / "defended" / "f5d6bb2615e714d422c8dae1dc992ceb.json").exists()
    assert defended.find(HASH, chain) == {"regained": 1.0}
    assert certified.find(HASH, 5) == {"added": {"partitions": 5}, "flipped": {"clean": 0.5}}
