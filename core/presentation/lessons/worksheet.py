"""A lesson as a sheet to print: what each step asks, with room for a prediction and for what was found. No answers."""

import re
from html import escape

from core.presentation.lessons.lesson import Lesson
from core.presentation.lessons.questions import Question
from core.system.numbers import digits

_STYLE = """
body { font: 12pt/1.45 system-ui, sans-serif; color: #111; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; }
.who { display: flex; gap: 2rem; margin: 1rem 0; }
.who span, .line { flex: 1; border-bottom: 1px solid #777; min-height: 1.9rem; }
.line { display: block; margin-bottom: .3rem; }
section { break-inside: avoid; }
ul { list-style: none; padding: 0; margin: .3rem 0; columns: 2; }
.link { font-size: .85rem; overflow-wrap: anywhere; }
@page { margin: 18mm; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
CLASSES = "Write the name of a class:"


def worksheet(lesson: Lesson, link: str) -> str:
    """One HTML page that loads nothing and is printed from a browser.

    Args:
        lesson: the lesson.
        link: the address at which students open it.
    """
    steps = "\n".join(
        f"<section><h2>{number}. {_plain(step.title)}</h2>{_asked(step.question)}{_tasks(step.done)}"
        f"<p>What we found, and why:</p>{_lines(2)}</section>"
        for number, step in enumerate(lesson.steps, start=1)
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_plain(lesson.title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f"<h1>{_plain(lesson.title)}</h1>\n<p>{_plain(lesson.about)}</p>\n"
        f'<p class="link">{lesson.minutes} minutes. Open: {escape(link)}</p>\n'
        f'<div class="who">Name<span></span>Date<span></span></div>\n{steps}\n</body>\n</html>\n'
    )


def _asked(question: Question | None) -> str:
    if question is None:
        return ""
    if question.guess is not None:
        guess = question.guess
        answers = f"<p>Prediction, {digits(guess.low)} to {digits(guess.high)} {escape(guess.unit)}: ____________</p>"
    elif question.options:
        answers = f"<ul>{''.join(f'<li>☐ {_plain(option.answer)}</li>' for option in question.options)}</ul>"
    else:
        answers = f"<p>{CLASSES} ____________</p>"
    return f"<p><b>{_plain(question.ask)}</b></p>{answers}"


def _tasks(conditions: tuple[object, ...]) -> str:
    tasks = [str(getattr(condition, "task", "")) for condition in conditions]
    return f"<p>{' · '.join(f'☐ {_plain(task)}' for task in tasks if task)}</p>"


def _lines(count: int) -> str:
    return '<span class="line"></span>' * count


def _plain(text: str) -> str:
    """Markdown's marks left out, HTML escaped."""
    return escape(re.sub(r"\*\*|[*`$]", "", text))
