"""A lesson of 90 minutes for thirty people, from the playground to a challenge; docs/class.md has the same table."""

from dataclasses import dataclass

MINUTES = 90


@dataclass(frozen=True)
class Part:
    """A part of the plan.

    Attributes:
        begin, end: minutes from the start.
        what: what the class does, as Markdown.
        where: page or lesson, as Markdown.
    """

    begin: int
    end: int
    what: str
    where: str


PLAN = (
    Part(0, 5, "Everybody opens the class's link. What is poisoning, and who would do it?", "projector"),
    Part(
        5,
        20,
        "*Poison by hand*, steps 1 to 3; show the predictions of step 1 once most have answered",
        "lesson `plane`",
    ),
    Part(20, 30, "What a linear head sees: step 1, predict and run", "lesson `head`"),
    Part(30, 42, "*Attack and defence in turns*, in pairs: one places poison, one names the defence", "lesson `duel`"),
    Part(42, 47, "Join the challenge by its code; read the rules; try one attack in the lab", "*Challenge*"),
    Part(47, 55, "Attack round. Submissions are few: try in the lab first", "*Challenge*"),
    Part(55, 58, "What is at the top, and why?", "projector"),
    Part(58, 66, "Defence round, against the three best attacks", "*Challenge*"),
    Part(
        66,
        74,
        "Attack round against the best defence. Freeze the board for the last three minutes",
        "*Challenge*",
    ),
    Part(74, 80, "Defence round", "*Challenge*"),
    Part(80, 84, "Reveal: best pair, and what each handed in", "projector"),
    Part(
        84,
        90,
        "*Why the test stays hidden*, the last step: what does the board prove, and what not?",
        "lesson `hidden`",
    ),
)


def table() -> str:
    """The plan as a Markdown table."""
    lines = ["| Minutes | What | Where |", "| ---: | --- | --- |"]
    return "\n".join([*lines, *(f"| {part.begin}–{part.end} | {part.what} | {part.where} |" for part in PLAN)])
