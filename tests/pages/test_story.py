"""The lab's first screen in words: the sentence, the accuracy before and after, and the run so far in its place."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.experiments.summary import CurvePoint
from core.serving import engine as engine_module
from core.serving.status import JobStatus
from pages import _story
from tests.apps import opened, shown_text, unfolded
from tests.pages.test_manners import IdleEngine

CURVE = [CurvePoint("stage2", i, {"train_accuracy": value}) for i, value in enumerate((0.86, 0.8, 0.74))]
RUNNING = JobStatus("running", 0, "stage2", 3, 10, 0.25, 0.0, 5.0, 15.0, CURVE, None)
DROP = "Lost: 7.7 points, 95 % interval 5.9 to 9.5. The axis is zoomed: it shows 74 to 90 %."


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(engine_module, "get_engine", IdleEngine)


def running(status: JobStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SimpleNamespace(job=lambda spec_hash: SimpleNamespace(status=lambda: status), jobs=list)
    monkeypatch.setattr(_story, "current", lambda: engine)


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


@pytest.mark.parametrize("state", ["running", "done"])
def test_a_run_is_followed_in_the_place_of_the_accuracy(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    running(replace(RUNNING, state=state), monkeypatch)
    app = opened("lab.py", seed="5")
    text = shown_text(app)
    followed = "Training images read right, %: **86 at first, 74 now**."
    assert (followed in text) == (state == "running")
    assert (DROP in text) == (state == "done")


def test_before_it_reports_the_accuracy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    running(replace(RUNNING, curve=[]), monkeypatch)
    assert DROP in shown_text(opened("lab.py", seed="5"))
