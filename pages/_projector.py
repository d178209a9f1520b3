"""The projector's view in type that the last row of a room can read, as HTML; no text in it is markup. No Streamlit.

Sizes follow the height of the screen, so that twelve rows fit from 1280 x 720 up; on a phone they follow its width.
"""

from collections.abc import Sequence
from html import escape

from core.challenge import codes
from core.challenge.board import Best, Board, Row
from core.challenge.folder import Challenge
from core.challenge.prediction_words import Bar
from core.system.numbers import fixed, percent

ROWS = 12
"""People whom a table of the projector shows."""
STEPS = 3
"""Improvements of the best that it shows, the last ones."""

STYLE = """<style>
.stApp {
  --row: min(max(28px, 3.9vh), 5.4vw);
  --code: min(max(96px, 13.3vh), 14vw);
  --bar: light-dark(#1f5fb0, #2f74d0);
  --rule: light-dark(#d5dbe3, #343c49);
}
[data-testid=stHeader] { display: none; }
[data-testid=stMainBlockContainer] { max-width: none; padding: 1.4vh 2vw; }
.projector { font-size: var(--row); line-height: 1.25; font-variant-numeric: tabular-nums; }
.projector p, .projector h1 { margin: 0; padding: 0; font-size: inherit; line-height: inherit; }
.projector h1 { font-size: 1.35em; font-weight: 700; }
.projector .top { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 0 2vw; }
.projector .top > div { flex: 1 1 0; min-width: min(100%, 12em); }
.projector .code { display: flex; align-items: center; gap: 0.5em; }
.projector .code strong { font-size: var(--code); line-height: 1.05; font-weight: 700; letter-spacing: 0.01em; }
.projector .tables { display: flex; flex-wrap: wrap; gap: 0 3vw; }
.projector .tables > div { flex: 1 1 0; min-width: min(100%, 12em); }
.projector table { width: 100%; margin: 0; table-layout: fixed; border-collapse: collapse; }
.projector :is(th, td) {
  padding: 0 0.3em; border: 0; text-align: left; font-weight: 400; font-size: inherit; line-height: inherit;
}
.projector :is(h1, .clock, .address, .name, .what, .history) {
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.projector thead :is(th, .name) { font-weight: 700; border-bottom: 2px solid var(--rule); }
.projector .history { border-top: 2px solid var(--rule); }
.projector .place { width: 1.9em; text-align: right; }
.projector .name { font-weight: 600; }
.projector .damage { width: 6.6em; text-align: right; white-space: nowrap; }
.projector .bars { font-size: 1.25em; }
.projector .bars th { width: 36%; padding-block: 0.25em; text-align: right; }
.projector .bars .share { width: 6.4em; white-space: nowrap; }
.projector .bar { display: block; height: 1.1em; min-width: 2px; background: var(--bar); }
.st-key-projector-question p { font-size: calc(1.35 * var(--row)); line-height: 1.25; font-weight: 600; }
.st-key-projector-question .katex { font-size: 1em; }
@media (max-width: 640px) {
  .projector .what { display: none; }
  .projector .damage { width: 5.6em; }
  .projector thead .damage { white-space: normal; }
}
</style>"""


def top(challenge: Challenge, clock: str, address: str) -> str:
    """Title, time left, and how to take part.

    Args:
        challenge: the challenge.
        clock: the time left, in words.
        address: of the page on which the code is typed.
    """
    return _whole(
        f'<div class="top"><div><h1><bdi>{escape(challenge.rules.title)}</bdi></h1>'
        f'<p class="clock">{escape(clock)}</p><p class="address">{escape(address)}</p></div>'
        f'<p class="code">Code <strong>{codes.shown(challenge.code)}</strong></p></div>'
    )


def board(shown: Board, *, frozen: bool) -> str:
    """What the class sees of the board.

    Args:
        shown: the board.
        frozen: whether it is frozen.
    """
    facts = [] if shown.clean is None else [f"Clean {percent(shown.clean)}"]
    if shown.pair is not None:
        names = f"<bdi>{escape(shown.pair.attack)}</bdi> against <bdi>{escape(shown.pair.defence)}</bdi>"
        facts.append(f"best pair: {names}, {fixed(shown.pair.damage)} points")
    if shown.waiting:
        facts.append(f"{shown.waiting:,} waiting")
    if frozen:
        facts.append("frozen until the reveal")
    parts, tables = [f"<p>{'; '.join(facts)}.</p>"] if facts else [], list[str]()
    kinds = (("Attacks", "Damage", True, shown.attacks), ("Defences", "Damage left", False, shown.defences))
    is_wide = not (shown.attacks and shown.defences)
    for title, unit, is_attack, rows in kinds:
        if rows:
            history = [step for step in shown.history if step.is_attack == is_attack]
            tables.append(_table(title, unit, shown.best_of_each(rows), history, is_wide=is_wide))
    if tables:
        parts.append(f'<div class="tables">{"".join(tables)}</div>')
    elif not frozen:
        parts.append("<p>Nothing is judged yet.</p>")
    return _whole("".join(parts))


def predictions(sentence: str, bars: Sequence[Bar]) -> str:
    """What a class predicted.

    Args:
        sentence: what most said.
        bars: how many gave each answer; none before somebody has answered.
    """
    rows = "".join(
        f'<tr><th scope="row">{escape(bar.label)}</th>'
        f'<td><span class="bar" style="width: {fixed(100 * bar.share)}%"></span></td>'
        f'<td class="share">{percent(bar.share, 0)} ({bar.count})</td></tr>'
        for bar in bars
    )
    return _whole(f"<p>{escape(sentence)}</p>" + (f'<table class="bars"><tbody>{rows}</tbody></table>' if rows else ""))


def _table(title: str, unit: str, rows: Sequence[Row], history: Sequence[Best], *, is_wide: bool) -> str:
    """The best row of each person, and how the best came there.

    Args:
        title: of the table.
        unit: what the numbers are.
        rows: the best first.
        history: improvements of the best, in order.
        is_wide: whether there is room for what each person handed in.
    """

    def what(text: str) -> str:
        return f'<td class="what">{escape(text)}</td>' if is_wide else ""

    lines = "".join(
        f'<tr><td class="place">{place}</td><th scope="row" class="name"><bdi>{escape(row.name)}</bdi></th>'
        f'{what(row.what)}<td class="damage">{fixed(row.damage)}</td></tr>'
        for place, row in enumerate(rows[:ROWS], start=1)
    )
    steps = ", ".join(f"<bdi>{escape(step.name)}</bdi> {fixed(step.damage)}" for step in history[-STEPS:])
    more = f"{len(rows) - ROWS:,} more; " if len(rows) > ROWS else ""
    return (
        f'<div><table><thead><tr><td class="place"></td><th scope="col" class="name">{title}</th>{what("")}'
        f'<th scope="col" class="damage">{unit}</th></tr></thead><tbody>{lines}</tbody></table>'
        f'<p class="history">{more}best so far: {steps}</p></div>'
    )


def _whole(content: str) -> str:
    return f'<div class="projector">{content}</div>'
