"""Chains on stored runs: judged once, kept by run and chain, found again."""

import re
from pathlib import Path

import numpy as np
import pytest

from core.defences.chain import parse_chain
from core.experiments.result import Result
from core.storage import defended
from core.storage.runs import Store
from core.system.errors import SpecError, StoreError
from tests.apps import drawn


def separable(result: Result | None = None) -> Result:
    """A drawn run whose features can be judged: each class around a corner, the poison far from its own."""
    result = result or drawn()
    rng, k = np.random.default_rng(0), len(result.classes)
    corners = 3 * np.eye(k, dtype=np.float32)

    def around(y: np.ndarray) -> np.ndarray:
        return (corners[y] + rng.normal(0, 0.3, (len(y), k))).astype(np.float32)

    train_y, test_y = result.features["train_y"], np.arange(result.spec.test_size) % k
    poison_y = result.features["poison_y"]
    features = {
        **{"train_z": around(train_y), "train_y": train_y, "test_z": around(test_y), "test_y": test_y},
        **{"poison_z": around((poison_y + 1) % k), "poison_y": poison_y},
    }
    return Result(**{**vars(result), "features": features})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return Store(tmp_path / "results", shipped=None)


def test_a_chain_is_judged_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(separable())
    chain = parse_chain(["loss:share=0.1", "sphere"])
    assert [one.name for one in chain] == ["sphere", "loss"]
    assert defended.find(run.hash, chain) is None
    result = defended.judge(str(store.root), run.hash, ["loss:share=0.1", "sphere"])
    assert [step.name for step in result.steps] == ["sphere", "loss"]
    assert result.whole.poison_removed >= 8
    monkeypatch.setattr(defended, "judge_run", lambda *_: pytest.fail("judged twice"))
    assert defended.judge(str(store.root), run.hash, ["sphere", "loss:share=0.1"]) == result
    assert defended.find(run.hash, chain) == result


def test_another_setting_is_another_chain(store: Store) -> None:
    one, other = (parse_chain([text]) for text in ("loss:share=0.1", "loss"))
    assert defended.key("0" * 16, one) != defended.key("0" * 16, other)
    assert defended.key("0" * 16, one) == defended.key("0" * 16, parse_chain(["loss:share=0.10"]))


def test_damage_is_judged_anew(store: Store) -> None:
    run = store.put(separable())
    first = defended.judge(str(store.root), run.hash, ["trim"])
    (path,) = (Path(store.root).parent / "cache" / "defended").iterdir()
    path.write_text("{")
    assert defended.find(run.hash, parse_chain(["trim"])) is None
    assert defended.judge(str(store.root), run.hash, ["trim"]) == first


def test_a_run_that_is_not_stored_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="isn't stored"):
        defended.judge(str(store.root), "0" * 16, ["loss"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shield", "Unknown defence 'shield'"),
        ("loss:share", "NAME=VALUE"),
        ("loss:part=1", "has no setting 'part'. Allowed: share"),
        ("loss:share=0.9", "share of loss is '0.9'"),
        ("svd:rank=no", "rank of svd is 'no'"),
    ],
)
def test_bad_chains_are_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        parse_chain([text])
