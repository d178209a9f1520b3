"""Many runs at once: accuracy against budget, attacks against extractors, and a slider over the budgets."""

from typing import TYPE_CHECKING

import streamlit as st

from core.attacks.registry import RECORDS as ATTACKS
from core.experiments import cost, sweep
from core.extractors.registry import EXTRACTORS, present
from core.presentation import figures
from core.spec.experiment import ExperimentSpec
from core.system.errors import PoisonLabError, SpecError, StoreError
from core.system.numbers import about, digits, fixed
from core.system.paths import results
from pages import _cards, _folds, _map, _own, _running, _runs, _sweeps
from pages._controls import Choice, Whole
from pages._own import Several

if TYPE_CHECKING:
    from core.serving.job import Job
    from core.serving.status import JobStatus

PLAY_SECONDS = 1.5
SHOWN = 6
MOST_SEEDS = 10
KINDS = {"budget": "Accuracy against budget", "matrix": "Attacks against extractors"}
PERCENTS = (0.5, 1, 2, 3, 5, 10, 20, 30)
EXTRACTORS_FIRST = ("resnet10-small-fashion-mnist", "resnet10-small-mnist")


def titles() -> dict[str, str]:
    """What a person calls attacks, the baseline and extractors."""
    records = {name: record.title for name, record in ATTACKS.items()}
    return {"flips": "Random label flips", **records, **{name: record.title for name, record in EXTRACTORS.items()}}


INTRODUCTION = (
    "Experiments over several attacks, budgets, extractors or seeds. Data, constraint, labels, defence to evade, sizes "
    "and what the attacker knows are those of the sidebar. Stored results are shown at once; nothing is computed twice."
)


def requested_cells(base: ExperimentSpec) -> list[sweep.Cell] | None:
    """The cells of the sweep that the controls describe; None, with a message, where it is invalid."""
    available = [name for name, record in EXTRACTORS.items() if present(record)]
    kind = _own.ask("kind", Choice(KINDS, "budget"))
    usual: list[str] = list(dict.fromkeys([base.attack.name, "tgda-feature"]))
    attacks = _own.ask("attacks", Several[str](list(ATTACKS), usual))
    budgets = _own.ask("budgets", Several[float](PERCENTS, [1, 3, 10]) if kind == "budget" else None)
    extractors = _own.ask("extractors", Several(available, list(EXTRACTORS_FIRST)) if kind == "matrix" else None)
    seeds = _own.ask("seeds", Whole(1, MOST_SEEDS, 1))
    st.segmented_control(
        "Kind",
        list(KINDS),
        format_func=KINDS.__getitem__,
        default=kind,
        required=True,
        key=_own.widget("kind"),
        help="Lines over several budgets, or a table at the budget of the sidebar.",
    )
    st.multiselect(
        "Attacks",
        list(ATTACKS),
        default=attacks,
        format_func=lambda name: ATTACKS[name].title,
        key=_own.widget("attacks"),
        help="Random label flips are always included, as the baseline.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if kind == "budget":
            st.pills(
                "Budgets",
                PERCENTS,
                selection_mode="multi",
                default=budgets,
                format_func=lambda value: f"{digits(value)} %",
                key=_own.widget("budgets"),
                wrap=True,
                help="Poisoned images per clean training image.",
            )
        else:
            st.multiselect(
                "Extractors",
                available,
                default=extractors,
                format_func=titles().__getitem__,
                key=_own.widget("extractors"),
                help="Those whose weights are on this machine.",
            )
        st.number_input(
            "Seeds",
            1,
            MOST_SEEDS,
            value=seeds,
            key=_own.widget("seeds"),
            width=120,
            help="Number of seeds, each with other images; with several, error bars show confidence intervals.",
        )
    percents = budgets if kind == "budget" else [100 * base.budget]
    if not attacks or not percents or (kind == "matrix" and not extractors):
        st.info("Choose at least one of each.", icon=":material/tune:")
        return None
    try:
        return sweep.cells(
            base,
            attacks,
            [round(percent / 100, 8) for percent in sorted(percents)],
            range(base.seed, base.seed + seeds),
            extractors or (),
        )
    except SpecError as error:
        st.error(str(error), title="This sweep can't be run", icon=":material/error:")
        return None


def missing(places: list[sweep.Cell]) -> list[ExperimentSpec]:
    """The experiments that are not stored yet."""
    return [spec for spec_hash, spec in sweep.hashes(places).items() if spec_hash not in _runs.store()]


def submit(specs: list[ExperimentSpec]) -> None:
    """Send all that is missing; the engine queues it."""
    st.session_state.sweep_error = ""
    try:
        for spec in specs:
            _running.engine().submit(spec, _runs.person())
    except PoisonLabError as error:
        st.session_state.sweep_error = str(error)


def stop(jobs: "list[Job]") -> None:
    """Cancel the unfinished runs."""
    for job in jobs:
        job.cancel(_runs.person())


def jobs_of(places: list[sweep.Cell]) -> "list[Job]":
    """The queued and running runs of this sweep, whoever started them."""
    known = (_running.engine().job(spec_hash) for spec_hash in sweep.hashes(places))
    return [job for job in known if job is not None and not job.status().finished]


def left_words(statuses: "list[JobStatus]") -> str:
    """How long runs that are on their way take until all are over."""
    if any(status.lacks_workers for status in statuses):
        return _running.NO_WORKER
    if any(status.behind_tasks for status in statuses):
        return _running.BEHIND_TASKS
    left = max((status.seconds_left or 0.0) for status in statuses)
    return f"{about(left)} left"


def progress(places: list[sweep.Cell]) -> None:
    """The Run button, or how far the sweep is."""
    todo, total = missing(places), len(sweep.hashes(places))
    try:
        jobs = jobs_of(places) if todo else []
    except PoisonLabError as error:
        st.error(str(error), title="Nothing can be computed at the moment", icon=":material/power_off:")
        chart(places)
        return
    if st.session_state.get("sweep-polling", False) != bool(jobs):
        st.session_state["sweep-polling"] = bool(jobs)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        if jobs:
            st.progress(
                (total - len(todo)) / total,
                text=f"{total - len(todo)} of {total} runs done · {left_words([job.status() for job in jobs])}",
                width="stretch",
            )
            icon = ":material/stop:"
            st.button("Stop", key="sweep-stop", icon=icon, on_click=stop, args=(jobs,), help="Finished runs are kept.")
        else:
            expected = about(sum(cost.total(spec) for spec in todo)) if todo else ""
            st.button(
                f"Run {len(todo)}" if todo else "Run",
                key="sweep-run",
                type="primary",
                icon=":material/play_arrow:",
                disabled=not todo,
                on_click=submit,
                args=(todo,),
                help="Computes the runs that are not stored yet.",
            )
            words = f"{total - len(todo)} of {total} runs are stored" if todo else f"All {total} runs are stored."
            st.markdown(f"{words}; the rest takes **{expected}** to compute." if todo else words)
    if st.session_state.get("sweep_error"):
        st.error(st.session_state.sweep_error, title="Not all runs of the sweep were started", icon=":material/error:")
    chart(places)


def chart(places: list[sweep.Cell]) -> None:
    """The results so far."""
    points = sweep.collect(places, lambda spec_hash: run.summary if (run := _runs.find(spec_hash)) else None)
    if not any(point.drop for point in points):
        st.caption("No results yet.")
        return
    is_matrix = st.session_state[_own.widget("kind")] == "matrix"
    st.plotly_chart(
        _sweeps.matrix(points, titles()) if is_matrix else _sweeps.lines(points, titles()),
        key="sweep-chart",
        config={"displayModeBar": False},
        alt="Points lost by attack and extractor" if is_matrix else "Test accuracy against budget by attack",
    )
    st.caption(
        "Error bars: 95 % confidence intervals over seeds (Student's t). Attacks on features make no images; they are "
        "a reference for the others."
    )
    rows = sweep.result_rows(points)
    _folds.fold(
        "sweep-numbers",
        "Numbers",
        ":material/table:",
        lambda: st.dataframe(rows, hide_index=True, key="sweep-table", alt="The numbers of the plot"),
    )


@st.fragment
def scrubber(places: list[sweep.Cell]) -> None:
    """Images, map and accuracy of one attack, moved by the budget."""
    steps: dict[str, list[tuple[float, str]]] = {}
    for cell in places:
        if cell.attack != "flips" and cell.specs[0].hash in _runs.store():
            steps.setdefault(cell.attack, []).append((cell.budget, cell.specs[0].hash))
    attacks = [attack for attack, known in steps.items() if len(known) > 1]
    st.subheader("Vary the budget")
    if not attacks:
        st.caption("Needs results of one attack at two or more budgets.")
        return
    first = next(cell for cell in places if cell.attack != "flips")  # whatever is stored of the sweep by now
    attack = _own.ask("turn", Choice({name: titles()[name] for name in attacks}, attacks[0]), plain=first.attack)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Attack",
            attacks,
            attacks.index(attack),
            format_func=titles().__getitem__,
            key=_own.widget("turn"),
            width=320,
            help="The attack whose budget is varied.",
        )
        playing = st.toggle("Play", key="sweep-play", help="Steps through the budgets automatically.")
    st.fragment(step, run_every=PLAY_SECONDS if playing else None)(steps[attack], round(100 * first.budget, 6), playing)


def step(known: list[tuple[float, str]], plain: float, playing: bool) -> None:
    """One budget: everything moves together.

    Args:
        plain: percent that the link leaves out.
    """
    runs = {round(100 * budget, 6): spec_hash for budget, spec_hash in known}
    words = {percent: f"{digits(percent)} %" for percent in runs}
    places = Choice(words, next(iter(runs)))
    percent = _own.ask("at", places, plain=plain)
    if playing:
        percents = list(runs)
        st.session_state[_own.widget("at")] = percents[(percents.index(percent) + 1) % len(percents)]
        percent = _own.ask("at", places, plain=plain)
    else:
        _own.write()  # a link for each step of playing would fill the browser's history
    chosen = words[percent]
    st.select_slider(
        "Budget",
        list(runs),
        percent,
        format_func=words.__getitem__,
        key=_own.widget("at"),
        help="Poisoned images per clean training image.",
    )
    run = _runs.find(runs[percent])
    if run is None:
        return
    try:
        plot = _runs.plot(run.hash)
    except StoreError as error:
        st.error(str(error), icon=":material/broken_image:")
        return
    left, middle, right = st.columns([1, 1.4, 1])
    with left:
        if plot.makes_images:
            rows = range(min(SHOWN, plot.n_poison))
            images = [_runs.sample(str(results()), run.hash, row) for row in rows]
            _cards.side_by_side(images, None, [f"Poisoned image {row}" for row in rows])
        else:
            st.caption("This attack makes features, not images.")
        st.metric("Poisoned images", f"{plot.n_poison:,}")
    with middle:
        _map.show(
            _runs.scene(str(results()), run.hash, False),
            key="scrub-map",
            images_of=run.hash,
            alt=f"Map of features at a budget of {chosen}",
        )
    with right:
        scores = {"Clean": run.summary.clean.accuracy, "Poisoned": run.summary.poisoned.accuracy}
        st.plotly_chart(
            figures.accuracy_figure(scores),
            key="scrub-accuracy",
            config={"displayModeBar": False},
            alt=f"Test accuracy at a budget of {chosen}",
        )
        st.metric("Points lost", fixed(100 * (scores["Clean"] - scores["Poisoned"])))


st.title("Sweep")
st.markdown(INTRODUCTION)
base: ExperimentSpec | None = st.session_state.spec
if base is None:
    st.info("The settings of the sidebar can't be run; see the message above.")
else:
    places = requested_cells(base)
    if places is not None:
        polling = st.session_state.get("sweep-polling", False)
        st.fragment(progress, run_every=_running.REFRESH_SECONDS if polling else None)(places)
        if st.session_state[_own.widget("kind")] == "budget":
            scrubber(places)
        else:
            _own.ask("turn", None)
            _own.ask("at", None)
