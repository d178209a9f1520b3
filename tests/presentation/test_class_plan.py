"""The plan for a class: every minute once, the same on the page and in the docs, with lessons that there are."""

import re

from core.presentation import class_plan
from core.presentation.lessons import load
from core.system.paths import ROOT


def test_the_plan_has_every_minute_once() -> None:
    ends = [part.end for part in class_plan.PLAN]
    assert [part.begin for part in class_plan.PLAN] == [0, *ends[:-1]]
    assert ends[-1] == class_plan.MINUTES
    assert all(part.begin < part.end for part in class_plan.PLAN)


def test_the_docs_have_the_same_table() -> None:
    assert class_plan.table() in (ROOT / "docs" / "class.md").read_text()


def test_its_lessons_are_there() -> None:
    named = set(re.findall(r"lesson `(\w+)`", class_plan.table()))
    assert len(named) >= 4
    assert named <= {lesson.id for lesson in load()}
