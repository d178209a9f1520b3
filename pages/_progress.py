"""How far a person is in the lessons, and its form in the URL. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.presentation.lessons import Lesson, LessonStep
from pages._controls import quoted

KEYS: tuple[str, ...] = ("lesson", "step", "answers", "done")
_BETWEEN = "~"
"""Between answers in a link: numbers hold dots and minus signs."""


@dataclass(frozen=True)
class Progress:
    """The open lesson and step, the predictions made in it, and the steps done of every lesson.

    Attributes:
        lesson: its id; "" in the list of lessons.
        step: from 0.
        answers: by step of the open lesson.
        done: by lesson, how many steps from the first on are complete.
    """

    lesson: str = ""
    step: int = 0
    answers: Mapping[int, str] = field(default_factory=dict)
    done: Mapping[str, int] = field(default_factory=dict)

    def opened(self, lesson: str, step: int = 0) -> "Progress":
        """At a step; the predictions of another lesson are left behind."""
        return replace(self, lesson=lesson, step=step, answers=self.answers if lesson == self.lesson else {})

    def answered(self, answer: str) -> "Progress":
        """With a prediction for the open step."""
        return replace(self, answers={**self.answers, self.step: answer})

    def completed(self) -> "Progress":
        """With the open step done."""
        return replace(self, done={**self.done, self.lesson: max(self.done.get(self.lesson, 0), self.step + 1)})

    def also_done(self, done: Mapping[str, int]) -> "Progress":
        """With further steps done, by lesson: going back undoes none."""
        lessons = dict.fromkeys((*self.done, *done))
        return replace(self, done={name: max(self.done.get(name, 0), done.get(name, 0)) for name in lessons})

    def restarted(self) -> "Progress":
        """With the open lesson as if it had never been opened."""
        done = {lesson: count for lesson, count in self.done.items() if lesson != self.lesson}
        return Progress(self.lesson, 0, {}, done)


def open_step(progress: Progress, lessons: Sequence[Lesson]) -> tuple[Lesson, LessonStep] | None:
    """The lesson and step that are open; None in the list of lessons."""
    lesson = next((lesson for lesson in lessons if lesson.id == progress.lesson), None)
    return None if lesson is None else (lesson, lesson.steps[progress.step])


def from_query(query: Mapping[str, str], lessons: Sequence[Lesson]) -> tuple[Progress, list[str]]:
    """Read a link; one sentence about each thing in it that is not followed."""
    by_id = {lesson.id: lesson for lesson in lessons}
    problems: list[str] = []
    done = _done(query.get("done", ""), by_id, problems)
    name = query.get("lesson", "")
    if name and name not in by_id:
        problems.append(f"There is no lesson `{quoted(name)}`; known: {', '.join(by_id)}.")
        name = ""
    if not name:
        return Progress(done=done), problems
    lesson = by_id[name]
    reachable = min(done.get(name, 0) + 1, len(lesson.steps))
    wanted = query.get("step", "1")
    step = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 3 else 0
    if not 1 <= step <= len(lesson.steps):
        problems.append(f"`step` is `{quoted(wanted)}`; allowed: 1 to {len(lesson.steps)}. Using 1 instead.")
        step = 1
    elif step > reachable:
        problems.append(f"Step {step} of this lesson comes after step {reachable}, which is not done yet.")
        step = reachable
    return Progress(name, step - 1, _answers(query.get("answers", ""), lesson, problems), done), problems


def to_query(progress: Progress) -> dict[str, str]:
    """The link to a state; what is as in the beginning is left out."""
    last = max(progress.answers, default=-1)
    parts = {
        "lesson": progress.lesson,
        "step": str(progress.step + 1) if progress.step else "",
        "answers": _BETWEEN.join(progress.answers.get(step, "") for step in range(last + 1)),
        "done": ".".join(f"{lesson}{count}" for lesson, count in progress.done.items() if count),
    }
    return {key: value for key, value in parts.items() if value}


def _done(text: str, lessons: Mapping[str, Lesson], problems: list[str]) -> dict[str, int]:
    done = {}
    for part in filter(None, text.split(".")):
        name, count = part[:-1], part[-1]
        if name not in lessons or count not in "123456789" or int(count) > len(lessons[name].steps):
            problems.append(f"`done` names `{quoted(part)}`, which is no lesson with a number of its steps.")
        else:
            done[name] = int(count)
    return done


def _answers(text: str, lesson: Lesson, problems: list[str]) -> dict[int, str]:
    answers = {}
    for number, answer in enumerate(text.split(_BETWEEN)):
        if not answer:
            continue
        question = lesson.steps[number].question if number < len(lesson.steps) else None
        if question is None or not question.readable(answer, lesson.steps[number].spec):
            problems.append(f"`answers` holds `{quoted(answer)}`, which answers no question of step {number + 1}.")
        else:
            answers[number] = answer
    return answers
