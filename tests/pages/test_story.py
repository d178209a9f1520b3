"""The lab's first screen in words: the sentence, and the accuracy before and after."""

from pathlib import Path

import pytest

from core.serving import engine as engine_module
from tests.apps import opened, unfolded
from tests.pages.test_manners import IdleEngine

DROP = "Lost: 7.7 points, 95 % interval 5.9 to 9.5. The axis is zoomed: it shows 74 to 90 %."


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(engine_module, "get_engine", IdleEngine)


def test_the_sentence_comes_first_and_the_difference_has_its_interval() -> None:
    app = opened("lab.py")
    first = next(block.value for block in app.main.markdown)
    assert first == "**60 poisoned images among 2,060 make 77 more of 1,000 test images wrong.**"
    assert DROP in [caption.value for caption in app.caption]


def test_the_other_heads_and_the_classes_are_folded() -> None:
    app = opened("lab.py")
    fold = next(fold for fold in app.expander if fold.label.startswith("How"))
    assert not fold.proto.expanded
    assert not app.metric
    app = unfolded(app, "how")
    fold = next(fold for fold in app.expander if fold.label.startswith("How"))
    assert {metric.label: metric.value for metric in fold.metric} == {
        "Clean": "86.8 %",
        "Poisoned": "79.1 %",
        "Drop": "7.7 points",
    }
    assert not [metric for metric in app.metric if metric not in list(fold.metric)]
