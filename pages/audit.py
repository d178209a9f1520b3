"""How poisonable a pipeline is: an audit of the sidebar's data and extractor, conducted by a worker within a time."""

from typing import Any

import streamlit as st

from core.audit import folder as folders
from core.audit.folder import Row
from core.audit.plan import Plan, make_plan
from core.audit.words import critical_words, head_names, left_of_damage, percent_of
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import PoisonLabError
from core.system.numbers import counted, digits, fixed
from pages import _audit_compare, _audit_figures, _tasks
from pages._words import plain

TIMES = (1, 3, 10, 30, 60)
SECONDS = 2.0
"""Between two looks at what the worker has written."""


@st.cache_data(show_spinner="Planning", max_entries=50)
def planned(spec_json: dict[str, Any], minutes: float, known: tuple[str, ...]) -> Plan:
    """The plan for an experiment's data and extractor; what is known already, by hash, takes no time."""
    return make_plan(parse_spec(spec_json), minutes, known=known)


def body(spec: ExperimentSpec) -> None:
    """Time, plan, what was measured so far, and the report."""
    asked = spec.model_dump(mode="json")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minutes = st.selectbox(
            "Minutes", TIMES, index=TIMES.index(10), key="audit-minutes", help="The plan adapts.", width=140
        )
        folder = folders.folder_of(spec)
        key = f"audit-{folder.name}-{minutes}"
        is_asked = st.session_state.get("audit-asked") == key
        if not is_asked:  # else the plan stays as it was when the worker made it
            st.session_state["audit-known"] = tuple(sorted(folders.measured(folder)))
        plan = planned(asked, float(minutes), st.session_state["audit-known"])
        st.button(
            "Start the audit" if not (folder / folders.MEASURED).exists() else "Go on",
            key="audit-start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=is_asked,
            on_click=begin,
            args=(key,),
        )
        st.button(
            "Stop",
            key="audit-stop",
            icon=":material/stop:",
            disabled=not is_asked,
            on_click=end,
            args=(folder,),
            help="Within seconds: the experiment that runs is given up, what was measured stays, and the audit can "
            "go on.",
        )
    st.caption(
        f"{counted(len(plan.cells), 'experiment')} at {', '.join(map(percent_of, plan.budgets))}, "
        f"{counted(len(plan.seeds), 'seed')}; about {digits(plan.expected / 60, 2)} minutes, during which the worker "
        "runs nothing else. Data, extractor, sizes, λ and seed are those of the sidebar. Its attack has no "
        "effect, nor what it knows: an audit measures attackers that know everything and some that know less."
    )
    if plan.left_out:
        with st.expander("What this time leaves out", icon=":material/more_time:"):
            st.markdown("\n".join(f"- {plain(sentence)}" for sentence in plan.left_out))
    if is_asked:
        problem = _tasks.run(key, "core.audit.audit:conduct_asked", asked, float(minutes))
        if problem:
            _tasks.show_problem(problem, title="This can't be audited", widget="audit-again")
            return
    results(plan, spec, is_asked=is_asked)


def begin(key: str) -> None:
    """Ask a worker for the audit; for callbacks."""
    st.session_state["audit-asked"] = key
    st.session_state.get("tasks", {}).pop(key, None)


def end(folder: Any) -> None:
    """Stop the audit; for callbacks."""
    folders.stop(folder)
    st.session_state["audit-asked"] = ""


def results(plan: Plan, spec: ExperimentSpec, *, is_asked: bool) -> None:
    """The report so far, redrawn while a worker measures."""

    @st.fragment(run_every=SECONDS if is_asked else None)
    def live() -> None:
        folder = folders.folder_of(spec)
        rows = folders.measured(folder)
        done = sum(cell.spec.hash in rows for cell in plan.cells)
        if is_asked and done < len(plan.cells):
            st.progress(done / len(plan.cells), f"{done} of {len(plan.cells)} experiments{latest(rows)}")
        if (folder / folders.CONTENT).exists():
            content = folders.read_report(folder)
            report(content, (folder / folders.PAGE).read_text())
            if not is_asked:
                _audit_compare.card(folder, content)
        elif not is_asked:
            st.info("Nothing was measured of this pipeline yet.", icon=":material/fact_check:")

    live()


def latest(rows: dict[str, Row]) -> str:
    """The experiment that ended last, in words."""
    if not rows:
        return ""
    row = list(rows.values())[-1]
    return (
        f"; last {row['attack']} at {percent_of(row['budget'])}: {fixed(100 * row['clean'])} % to "
        f"{fixed(100 * row['poisoned'])} %"
    )


def report(content: dict[str, Any], page: str) -> None:
    """Verdict, what to do, curves, filters, and the whole report to download."""
    with st.container(border=True):
        st.markdown(f"**{plain(content['verdict'])}**")
    left, right = st.columns([3, 2])
    with left:
        st.plotly_chart(
            _audit_figures.curve_figure(content), key="audit-curve", alt="Points of accuracy lost against the budget"
        )
    with right:
        st.subheader("What to do")
        st.markdown("\n".join(f"1. {plain(action)}" for action in content["actions"]))
    lines = [
        [attack["title"], *(critical_words(found) for found in attack["critical"])] for attack in content["attacks"]
    ]
    names = ["Attack", *(f"{digits(found['points'])} lost from" for found in content["attacks"][0]["critical"])]
    st.dataframe([dict(zip(names, line, strict=True)) for line in lines], hide_index=True)
    if content["defences"]:
        st.subheader("What filters find, and at what price")
        st.dataframe([filtered(content, defence) for defence in content["defences"]], hide_index=True)
    if content.get("heads"):
        st.subheader("If the defender trains something else")
        st.dataframe(trained(content["heads"]), key="audit-heads", hide_index=True)
        st.caption(
            "Points lost to the same poison, made against the head of the sidebar, of the accuracy without poison. "
            + plain(" ".join(content.get("head_notes", ())))
        )
    if content.get("limited"):
        st.subheader("If the attacker knows less")
        st.dataframe([knowing(row) for row in content["limited"]], key="audit-limited", hide_index=True)
    with st.container(horizontal=True):
        icon = ":material/download:"
        st.download_button("Report (HTML)", page, "audit.html", "text/html", on_click="ignore", icon=icon)
        numbers = folders.as_json(content)
        st.download_button("Numbers (JSON)", numbers, "audit.json", "application/json", on_click="ignore", icon=icon)


def trained(heads: dict[str, Any]) -> list[dict[str, str]]:
    """The table of other heads."""
    return [
        {
            "Head": name,
            **{attack: left_of_damage(found[name]) if name in found else "–" for attack, found in heads.items()},
        }
        for name in head_names(heads)
    ]


def knowing(row: dict[str, Any]) -> dict[str, str]:
    """A row of the table of attackers that know less."""
    return {
        "Attack": row["title"],
        "The attacker has": row["has"],
        "Points lost": fixed(row["drop"]),
        "Where it knows all": fixed(row["known"]),
    }


def filtered(content: dict[str, Any], defence: dict[str, Any]) -> dict[str, str]:
    """A row of the table of defences."""
    row = {"Defence": defence["title"]}
    for attack in content["attacks"]:
        found = defence["attacks"].get(attack["attack"])
        if found:
            row[f"{attack['title']}: found"] = f"{fixed(100 * found['recall'], 0)} %"
            row[f"{attack['title']}: clean points lost"] = f"{fixed(100 * found['lost'])} %"
            row[f"{attack['title']}: accuracy then"] = f"{fixed(100 * found['accuracy'])} %"
    if defence["evaded_recall"] is not None:
        row["Found of poison made to pass it"] = f"{fixed(100 * defence['evaded_recall'], 0)} %"
    return row


st.title("Audit")
st.markdown("How much poison would it take, which class goes first, would a filter notice it, and what should be done?")
if st.session_state.spec is not None:
    try:
        body(st.session_state.spec)
    except PoisonLabError as error:
        st.error(str(error), title="This can't be audited", icon=":material/error:")
