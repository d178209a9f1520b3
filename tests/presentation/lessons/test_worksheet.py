"""The work sheet of each lesson: every question and every way to answer, no answer, and nothing that it loads."""

import re
from html import unescape

import pytest

from core.presentation.lessons import load
from core.presentation.lessons.worksheet import CLASSES, worksheet

LESSONS = load()
LINK = "http://192.168.0.7:8501/lessons?lesson=x&step=1"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_step_can_be_done_on_paper(lesson) -> None:  # type: ignore[no-untyped-def]
    text = worksheet(lesson, LINK)
    plain = unescape(re.sub(r"<[^>]+>", "", text))
    assert text.count("<section>") == len(lesson.steps)
    assert LINK in plain
    for step in lesson.steps:
        assert step.title in plain
        if step.question is None:
            continue
        assert re.sub(r"\*\*|[*`$]", "", step.question.ask) in plain
        for option in step.question.options:
            assert f"☐ {re.sub(r'[*`$]', '', option.answer)}" in plain
        if not step.question.options and step.question.guess is None:
            assert CLASSES in plain
        assert step.question.why.strip() not in plain
    assert not any(answer in plain for answer in lesson.teacher.answers)
    assert not re.findall(r'(?:src|href)="', text)
