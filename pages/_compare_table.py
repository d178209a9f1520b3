"""The compared runs as a table: a row a run, a column for what differs, and one line for what is the same."""

from collections.abc import Sequence

import streamlit as st

from core.catalog.differences import differences, field_label, sentence, value_text
from core.spec.experiment import ExperimentSpec
from core.system.numbers import fixed, percent
from pages import _pick, _words
from pages._compare_runs import ComparedRun

SHARED_FIELDS = ("data", "extractor", "attack", "budget", "constraint", "seed")
"""Settings that are named where all runs share them; the rest is in each run's link."""
DROP_HELP = (
    "Drop: clean minus poisoned accuracy, ± its standard error over the choice of test images; smaller differences "
    "are not significant. Stage 2: the poisoned features before they become images; a dash where an attack has none."
)


def run_table(runs: Sequence[ComparedRun]) -> None:
    """What differs in words and as a table, and the ways to each run."""
    specs, names = [compared.run.spec for compared in runs], [compared.name for compared in runs]
    st.markdown(_words.plain(sentence(specs, names)))
    columns = [*settings(specs), *results(runs)]
    shown = [(head, cells) for head, cells, is_kept in columns if is_kept or len(set(cells)) > 1]
    same = [(head, cells[0]) for head, cells, is_kept in columns if not is_kept and len(set(cells)) == 1]
    lines = [f"| Run | {' | '.join(head for head, _ in shown)} |", f"|---|{'---|' * len(shown)}"]
    for i, compared in enumerate(runs):
        lines.append(f"| {compared.mark} | {' | '.join(cells[i] for _, cells in shown)} |")
    st.markdown("\n".join(lines), unsafe_allow_html=True)
    st.caption(f"The same in all: {', '.join(f'{head} {text}' for head, text in same)}.", help=DROP_HELP)
    for compared, column in zip(runs, st.columns(len(runs)), strict=True):
        with column, st.container(horizontal=True, vertical_alignment="center", key=f"run-{compared.name}"):
            st.markdown(compared.mark, unsafe_allow_html=True, width="content")
            _pick.open_button(compared.run.spec, widget=f"open-{compared.name}")
            query = _pick.lab_query(compared.run.spec)
            path, query = ("present", {"run": compared.run.hash}) if query is None else ("lab", query)
            _pick.link_popover(path, query, widget=f"link-{compared.name}")


def settings(specs: Sequence[ExperimentSpec]) -> list[tuple[str, list[str], bool]]:
    """Heading, a cell for each run, and whether it is a column in any case: the settings that differ, then others."""
    differing = differences(specs)
    columns = [
        (field_label(field).capitalize(), [_words.plain(value_text(field, value)) for value in values], True)
        for field, values in differing
    ]
    for field in SHARED_FIELDS:
        if field not in dict(differing):
            value = specs[0].attack.name if field == "attack" else getattr(specs[0], field)
            columns.append((field_label(field), [_words.plain(value_text(field, value))] * len(specs), False))
    return columns


def results(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str], bool]]:
    """The same of the accuracies, the drop, and the sizes."""
    summaries = [compared.run.summary for compared in runs]
    stage2 = [None if summary.stage2 is None else summary.stage2.accuracy for summary in summaries]
    columns = [
        ("Clean", [percent(summary.clean.accuracy) for summary in summaries], False),
        ("Poisoned", [percent(summary.poisoned.accuracy) for summary in summaries], True),
        (
            "Drop, points",
            [f"**{fixed(summary.drop())}** ± {fixed(summary.paired_error())}" for summary in summaries],
            True,
        ),
        ("Poisoned images", [f"{summary.n_poison:,}" for summary in summaries], False),
        ("Test images", [f"{summary.n_test:,}" for summary in summaries], False),
    ]
    if any(value is not None for value in stage2):
        columns.insert(1, ("Stage 2", ["—" if value is None else percent(value) for value in stage2], True))
    return columns
