"""The board of a challenge as students and teachers see it; nothing here lets names act as Markdown."""

import time
from collections.abc import Sequence
from functools import lru_cache

import plotly.graph_objects as go
import streamlit as st

from core.challenge import codes, prediction_words, predictions
from core.challenge.board import Best, Board, Row
from core.challenge.folder import Challenge
from core.challenge.rounds import Course
from core.presentation.lessons import LessonStep
from core.system.numbers import counted, fixed, percent
from pages import _runs
from pages._words import plain

REFRESH_SECONDS = 2.0
"""Of clocks, and of the one page on the projector."""
BOARD_SECONDS = 4.0
"""Of boards and lists, which a class of thirty has on thirty pages."""
QUIET = {"displayModeBar": False}
KINDS = {"attack": "Attack round", "defence": "Defence round"}


def clock(challenge: Challenge, course: Course) -> str:
    """Which round is open and how long, in a line."""
    rules, now = challenge.rules, time.time()
    phase, kind = course.phase(rules, now), course.kind(rules)
    if phase == "waiting" or kind is None:
        return "The first round has not started yet."
    where = f"{KINDS[kind]}, {course.round + 1} of {len(rules.rounds)}"
    if phase == "finished":
        return "The challenge is over."
    if phase == "over":
        return f"{where}: over."
    left = max(0, round(course.until(rules) - now))
    return f"{where}: {left // 60}:{left % 60:02d} left."


def rules_words(challenge: Challenge) -> str:
    """The rules in a few lines of Markdown."""
    rules = challenge.rules
    spec = rules.experiment
    poison = "images" if rules.images_only else "images or feature vectors"
    hidden = (
        "The test images are the teacher's own: nobody else has those that are hidden."
        if rules.owns_data
        else "The data ships with the lab: you could own the pool that the hidden test images are drawn from, but not "
        "know which."
    )
    return (
        f"{plain(_runs.words(spec))}.\n\n"
        f"- **Budget** {spec.n_poison:,} poisoned among {spec.train_size:,} clean images; **poison** {poison}\n"
        f"- **Constraint** {spec.constraint}, **labels** {spec.label_rule}\n"
        f"- **Submissions** {rules.tries} a person and round: they are few, since the board tells something of the "
        f"hidden test split\n\nJudged on {spec.test_size:,} hidden test images, drawn by a secret of this server. "
        f"{hidden}"
    )


def board_part(board: Board, *, key: str) -> None:
    """Best pair, attacks, defences and history; `key` is the beginning of the elements' keys."""
    if board.clean is not None:
        best = board.attacks[0] if board.attacks else None
        with st.container(horizontal=True):
            st.metric("Clean accuracy", percent(board.clean), help="On the hidden test split, without poison.")
            if best is not None:
                st.metric(
                    "Most damage",
                    f"{fixed(best.damage)} points",
                    plain(best.name),
                    delta_color="off",
                    delta_arrow="off",
                )
            if board.pair is not None:
                st.metric(
                    "Best pair",
                    f"{fixed(board.pair.damage)} points",
                    plain(f"{board.pair.attack} against {board.pair.defence}"),
                    delta_color="off",
                    delta_arrow="off",
                    help="The strongest attack that the best defence met, and the damage that it leaves.",
                )
            if board.waiting:
                st.metric("Waiting", f"{board.waiting:,}", help="Submissions that are not judged yet.")
    for title, rows in (("Attacks", board.attacks), ("Defences", board.defences)):
        if rows:
            st.subheader(title)
            rows_table(rows, key=f"{key}-{title.lower()}")
    if not board.attacks and not board.defences:
        st.info(
            f"Nothing is judged yet; {counted(board.waiting, 'submission')} waiting.", icon=":material/hourglass_top:"
        )
    if len(board.history) > 1:
        history(board, key=f"{key}-history")


def rows_table(rows: Sequence[Row], *, key: str) -> None:
    """A table of submissions: text in cells is text, whatever it holds."""
    lines = []
    for place, row in enumerate(rows, start=1):
        line: dict[str, object] = {"#": place, "By": row.name, "What": row.what, "Damage": round(row.damage, 1)}
        if row.alone is not None and row.alone != row.damage:
            line["Without a defence"] = round(row.alone, 1)
        lines.append({**line, "Round": row.round + 1, "At": time.strftime("%H:%M:%S", time.localtime(row.time))})
    st.dataframe(
        lines,
        hide_index=True,
        key=key,
        alt="Judged submissions with the points of test accuracy that they cost, the best first",
        column_config={
            "#": st.column_config.NumberColumn(width=40),
            "By": st.column_config.TextColumn(width=160),
            "Damage": st.column_config.NumberColumn(
                format="%.1f", width=90, help="Points of accuracy below the clean head, on the hidden test split."
            ),
            "Round": st.column_config.NumberColumn(width=70),
            "At": st.column_config.TextColumn(width=90),
        },
    )


def history(board: Board, *, key: str) -> None:
    """The best damage over time."""
    steps_words = ", ".join(f"{fixed(step.damage)} points" for step in board.history)
    figure = _history_figure(board.history)
    st.plotly_chart(figure, key=key, config=QUIET, alt=f"The best damage over time: {steps_words}")


@lru_cache(maxsize=64)
def _history_figure(history: tuple[Best, ...]) -> go.Figure:
    """Drawn once for all pages that show it, again and again."""
    figure = go.Figure()
    for is_attack, title in ((True, "Best attack"), (False, "Best defence")):
        steps = [step for step in history if step.is_attack == is_attack]
        if steps:
            figure.add_scatter(
                x=[time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(step.time)) for step in steps],
                y=[step.damage for step in steps],
                name=title,
                mode="lines+markers",
                line_shape="hv",
            )
    figure.update_layout(height=260, margin={"l": 0, "r": 0, "t": 10, "b": 0}, yaxis_title="Damage, points")
    return figure


def code_line(challenge: Challenge) -> None:
    """The code, which the projector shows larger."""
    st.metric("Code", codes.shown(challenge.code), help="Type it on the page Challenge to take part.")


def predictions_part(challenge: Challenge, name: str, step: LessonStep, *, key: str) -> None:
    """What the class predicted in a step.

    Args:
        challenge: that the class has joined.
        name: of the step.
        step: of the lesson.
        key: of the figure.
    """
    tally = predictions.tally(challenge, name)
    if step.question is not None:
        st.markdown(f"**{step.question.ask}**")
    st.markdown(plain(prediction_words.sentence(tally, step)))
    shown = prediction_words.bars(tally, step)
    if tally.count:
        figure = go.Figure(
            go.Bar(
                y=[bar.label for bar in shown],
                x=[100 * bar.share for bar in shown],
                text=[f"{bar.count}" for bar in shown],
                orientation="h",
            )
        )
        figure.update_layout(height=70 + 34 * len(shown), margin={"l": 0, "r": 0, "t": 0, "b": 0}, xaxis_title="%")
        figure.update_yaxes(autorange="reversed")
        words = ", ".join(f"{bar.label} {bar.count}" for bar in shown)
        st.plotly_chart(figure, key=key, config=QUIET, alt=f"Predictions of the class: {words}")
