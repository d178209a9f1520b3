"""The lab's first screen in words: the sentence, and the accuracy before and after."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from core.heads.scores import Score
from core.presentation.figures.palette import CLEAN
from core.serving import engine as engine_module
from pages import _runs, _story
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


def test_the_classes_that_change_most_stand_below_the_accuracy() -> None:
    run = _runs.default_run()
    assert run is not None
    html = _story._class_table(run.summary)
    rows = re.findall(
        r'<th scope="row">(.+?)</th>.*?width: (\d+)%; background: (#\w+)"></i></td><td>(-?[\d.]+)</td>', html
    )
    lost = dict(zip(run.summary.classes, run.summary.class_drops(), strict=True))
    assert [float(points) for _, _, _, points in rows] == sorted(
        (round(value, 1) for value in lost.values()), reverse=True
    )
    assert all(float(points) == pytest.approx(lost[unescape(name)], abs=0.05) for name, _, _, points in rows)
    longest = max(map(abs, lost.values()))
    assert all(int(width) == round(100 * abs(lost[unescape(name)]) / longest) for name, width, _, _ in rows)
    many = replace(
        run.summary,
        classes=tuple(f"<{i}>" for i in range(12)),
        clean=Score(0.5, [0.5] * 12),
        poisoned=Score(0.5, [0.5 - 0.01 * i for i in range(11)] + [0.9]),
    )
    html = _story._class_table(many)
    assert "Points lost per class, the 10 of 12 that change most" in html
    names = re.findall(r'<th scope="row">(.+?)</th>', html)
    assert names == [*(f"&lt;{i}&gt;" for i in range(10, 1, -1)), "&lt;11&gt;"]
    assert html.count(CLEAN) == 1
