"""One experiment: what poison looks like, where its features land, what it costs in accuracy."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import cost, export, figures
from core.errors import PoisonLabError, SpecError, StoreError
from core.events import STAGES
from core.paths import results
from core.report import report
from core.result import SCORES
from core.spec import ExperimentSpec
from core.store import StoredRun
from pages import _runs, _sidebar, _state
from pages._words import plain

if TYPE_CHECKING:
    from core.engine import Engine, Job, JobStatus

SCROLL_HEIGHT = 500
TILE_WIDTH = 108
PER_PAGE = 30
REFRESH_SECONDS = 1.0
PROBLEM = (
    "A head is trained on features of a frozen, pre-trained extractor. "
    "Someone slips a few poisoned images into its training set: how much accuracy does that cost?"
)
ORDERS = {"shift": "Largest shift first", "gap": "Smallest gap first", "row": "In the order of the data"}


def engine() -> "Engine":
    """The engine; imported here because dask takes a second that the first page should not wait for."""
    from core.engine import get_engine

    return get_engine()


def submit(spec: ExperimentSpec) -> None:
    """Start a run, or join the one that somebody else has started."""
    state = st.session_state
    try:
        job = engine().submit(spec, _runs.person())
    except PoisonLabError as error:
        state.submit_error = str(error)
        return
    state.submit_error = ""
    state.left.discard(job.id)
    if job.id not in state.watched:
        state.watched.append(job.id)


def cancel(job: "Job") -> None:
    """Stop a run, or leave it to the others who wait for it."""
    if not job.cancel(_runs.person()):
        dismiss(job.id)
        st.session_state.left.add(job.id)
        st.toast("The run goes on: someone else waits for it too.", icon=":material/group:")


def dismiss(job_id: str) -> None:
    """Take a run off this page."""
    st.session_state.watched.remove(job_id)


def watched_jobs(spec: ExperimentSpec | None) -> "list[Job]":
    """The runs that this page follows: its own, and one of the sidebar's settings that anybody started."""
    state = st.session_state
    if spec is not None and spec.hash not in state.left and spec.hash not in state.watched:
        job = engine().job(spec.hash)
        if job is not None and not job.status().over:
            state.watched.append(spec.hash)
    jobs = {job_id: engine().job(job_id) for job_id in state.watched}
    state.watched = [job_id for job_id, job in jobs.items() if job is not None]
    return [job for job in jobs.values() if job is not None]


def run_card(spec: ExperimentSpec | None, is_stored: bool) -> None:
    """The Run button, and every run that this page follows."""
    state = st.session_state
    jobs = watched_jobs(spec)
    statuses = {job.id: job.status() for job in jobs}
    finished = [job.id for job in jobs if statuses[job.id].state == "done"]
    if finished:
        state.shown = finished[-1]
        state.watched = [job_id for job_id in state.watched if job_id not in finished]
        st.rerun()
    if state.polling != any(not status.over for status in statuses.values()):
        st.rerun()  # the page draws this card with a timer while something is in flight, else without
    in_flight = spec is not None and spec.hash in statuses and not statuses[spec.hash].over
    run_row(spec, is_stored, in_flight)
    if state.submit_error:
        st.error(state.submit_error, title="The run did not start", icon=":material/error:")
    for job in jobs:
        job_box(job, statuses[job.id], is_asked=spec is not None and job.id == spec.hash)


def run_row(spec: ExperimentSpec | None, is_stored: bool, in_flight: bool) -> None:
    """The button and, beside it, what pressing it means."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run",
            key="run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or is_stored or in_flight,
            on_click=submit,
            args=(spec,),
        )
        if spec is None:
            st.markdown("These settings can't be run; see the message above.", width="stretch")
        elif in_flight:
            st.markdown("Running with the settings of the sidebar.", width="stretch")
        elif is_stored:
            st.markdown("Already computed: the result of these settings is below.", width="stretch")
        else:
            expected = _runs.seconds_words(cost.total(spec))
            st.markdown(f"Computes these settings; takes about **{expected}** on this machine.", width="stretch")


def job_box(job: "Job", status: "JobStatus", is_asked: bool) -> None:
    """One run: how far it is, or how it ended."""
    with st.container(border=True, key=f"job-{job.id}"):
        if not is_asked:
            st.caption(f"Other settings than in the sidebar: {_runs.words(job.spec)}")
        if status.over:
            if status.state == "failed":
                st.error(status.error or "", title="The run failed", icon=":material/error:")
            else:
                after = f" after {_runs.seconds_words(status.elapsed)}" if status.elapsed else ""
                st.info(f"The run was cancelled{after}; nothing was stored.", icon=":material/cancel:")
            st.button("Dismiss", key=f"dismiss-{job.id}", on_click=dismiss, args=(job.id,))
            return
        st.progress(status.fraction, text=progress_words(status))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Cancel", key=f"cancel-{job.id}", icon=":material/stop:", on_click=cancel, args=(job,))
            if len(job.people) > 1:
                st.caption(f"{len(job.people)} people wait for this run.")
        if status.curve:
            st.plotly_chart(
                figures.curve_figure(status.curve),
                key=f"live-{job.id}",
                config={"displayModeBar": False},
                alt="The run so far, step by step",
            )


def progress_words(status: "JobStatus") -> str:
    """Stage, step and time left in one line."""
    left = "" if status.seconds_left is None else f" · about {_runs.seconds_words(status.seconds_left)} left"
    if status.state == "queued":
        return f"Waiting for its turn, place {status.place} in the queue{left}"
    stage = STAGES.get(status.stage, "Starting")
    step = f", step {status.done:,} of {status.total:,}" if status.total > 1 else ""
    return f"{stage}{step}{left}"


def numbers(result: dict[str, Any]) -> None:
    """The row of big numbers."""
    drop = 100 * (result["clean"]["accuracy"] - result["poisoned"]["accuracy"])
    with st.container(horizontal=True):
        for key, (label, help) in SCORES.items():
            score = result[key]
            value = "—" if score is None else f"{100 * score['accuracy']:.1f} %"
            st.metric(label, value, help=help, border=True, width="stretch")
        st.metric(
            "Drop",
            f"{drop:.1f} points",
            help="Clean minus poisoned accuracy: what the attack costs the defender.",
            border=True,
            width="stretch",
        )


@st.fragment
def images_card(run: StoredRun, view: dict[str, figures.Array]) -> None:
    """Base images, what became of them, and the difference."""
    st.subheader("Images")
    root, makes_images = str(results()), "poison_x" in view
    factor = _runs.amplification(root, run.hash)
    if not makes_images:
        st.info(
            "This attack makes feature vectors, not images: it is the bound that attacks on images are "
            "measured against. Here are the base images that it started from.",
            icon=":material/scatter_plot:",
        )
    else:
        st.caption(figures.difference_words(factor))
    if words := figures.decoder_words(run.result.get("notes", {})):
        st.caption(words)
    rows = sorted_rows(view)
    page = 1
    if len(rows) > PER_PAGE:
        page = st.pagination(-(-len(rows) // PER_PAGE), key=f"images-page-{run.hash}")
    rows = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    classes = run.result["classes"]
    with st.container(height=SCROLL_HEIGHT, border=False, key="images-scroll"):
        captions = [image_words(view, classes, row) for row in rows]
        st.image(
            _runs.strips(root, run.hash, tuple(rows)),
            caption=captions,
            width="content" if makes_images else TILE_WIDTH,
            alt=[re.sub(r"\*\*|\\", "", caption) for caption in captions],
        )


def sorted_rows(view: dict[str, figures.Array]) -> list[int]:
    """The poisons in the order that the person chose."""
    rows = list(range(len(view["poison_y"])))
    orders = [key for key in ORDERS if key == "row" or key in view]
    order = st.selectbox(
        "Order of the images",
        orders,
        format_func=ORDERS.get,
        key="images-order",
        label_visibility="collapsed",
    )
    if order == "row":
        return rows
    return sorted(rows, key=lambda row: float(view[order][row]), reverse=order == "shift")


def image_words(view: dict[str, figures.Array], classes: list[str], row: int) -> str:
    """Labels, gap and shift of one poison."""
    old, new = (plain(classes[int(view[key][row])]) for key in ("base_y", "poison_y"))
    label = f"**{old}**, label kept" if old == new else f"**{old}** labelled **{new}**"
    gap = f"gap {float(view['gap'][row]):.2f} · " if "gap" in view else ""
    return f"{label} · {gap}shift {float(view['shift'][row]):.2f}"


@st.fragment
def map_card(run: StoredRun, view: dict[str, figures.Array]) -> None:
    """Where clean and poisoned features lie."""
    st.subheader("Map of features")
    show_stage2 = False
    if "stage2_xy" in view and "poison_x" in view:  # else the poison is what stage 2 found
        show_stage2 = st.toggle("Show where stage 2 wanted the poison", key="map-stage2")
    st.plotly_chart(
        _runs.map_figure(str(results()), run.hash, show_stage2),
        key="map",
        config={"displaylogo": False, "scrollZoom": True},
        alt="Map of the clean training features by class, with the poisoned points and where they came from",
    )
    st.caption(figures.map_words(view))


def accuracy_card(result: dict[str, Any]) -> None:
    """What the head loses, over all and per class."""
    st.subheader("Accuracy")
    scores = {label: result[key] and result[key]["accuracy"] for key, (label, _) in SCORES.items()}
    drop = 100 * (scores["Clean"] - scores["Poisoned"])
    n_test, n_poison = result["n_test"], result["n_poison"]
    st.caption(f"On {n_test:,} test images: {drop:.1f} points lost to {n_poison:,} poisoned ones.")
    st.plotly_chart(
        figures.accuracy_figure(scores),
        key="accuracy",
        config={"displayModeBar": False},
        alt=f"Test accuracy, clean and poisoned: a drop of {drop:.1f} points",
    )
    st.markdown("**Points lost per class**")
    clean, poisoned = result["clean"]["per_class"], result["poisoned"]["per_class"]
    st.plotly_chart(
        figures.per_class_figure(clean, poisoned, result["classes"]),
        key="per-class",
        config={"displayModeBar": False},
        alt="Points of accuracy lost per class, most on top",
    )


@st.fragment
def downloads_card(run: StoredRun, makes_images: bool) -> None:
    """Everything of this run, to take away or to run again; made when its button is pressed, not before."""
    name = f"poison-lab-{run.hash}"

    def save(label: str, suffix: str, mime: str, make: Callable[[StoredRun], bytes]) -> None:
        st.download_button(
            label,
            partial(_runs.exported, run.hash, make),
            f"{name}{suffix}",
            mime,
            on_click="ignore",
            icon=":material/download:",
        )

    st.caption("To read: one file for the browser, with plots, images, method and sources; it needs no network.")
    with st.container(horizontal=True):
        save("Report (HTML)", "-report.html", "text/html", lambda run: report(run).encode())
    st.caption("To work with: the numbers, and a line for each poisoned point.")
    with st.container(horizontal=True):
        save("Numbers (JSON)", "-result.json", "application/json", lambda run: run.file("result.json"))
        save("Table (CSV)", "-points.csv", "text/csv", partial(export.table_file, suffix=".csv"))
        save(
            "Table (Parquet)",
            "-points.parquet",
            "application/vnd.apache.parquet",
            partial(export.table_file, suffix=".parquet"),
        )
        save("Poison (NPZ)", "-poison.npz", "application/zip", lambda run: run.file("poison.npz"))
        if makes_images:
            save("Poison (PNG images, ZIP)", "-poison.zip", "application/zip", export.images_zip)
    st.caption("To cite, and to run again: the settings as a file (`python -m core run --spec`), or as a command line.")
    with st.container(horizontal=True):
        save("Citation (BibTeX)", ".bib", "text/plain", lambda run: export.bibtex(run.spec).encode())
        save("Settings (JSON)", "-spec.json", "application/json", lambda run: export.spec_json(run.spec).encode())
    st.code(export.command(run.spec), language="bash", wrap_lines=True)


def ways_on(run: StoredRun) -> None:
    """To the pages that show the same run in other ways."""
    st.page_link(
        "compare.py",
        label="Compare",
        icon=":material/compare:",
        query_params={"runs": run.hash},
        help="This run beside others: what differs, and what came of it.",
    )
    st.page_link(
        "present.py",
        label="Present",
        icon=":material/co_present:",
        query_params={"run": run.hash},
        help="This run in five plain steps, for people who decide.",
    )


def result_section(run: StoredRun, is_asked: bool) -> None:
    """A finished run, whole."""
    with st.container(horizontal=True, vertical_alignment="center"):
        whose = "Result of these settings" if is_asked else "Result of other settings"
        st.caption(f"{whose}: {_runs.words(run.spec)}", width="stretch")
        ways_on(run)
    numbers(run.result)
    try:
        view = _runs.view(run.hash)
    except StoreError as error:
        st.error(str(error), title="The pictures of this run can't be shown", icon=":material/broken_image:")
        return
    left, middle, right = st.columns([1, 1.35, 1])
    with left.container(border=True, height="stretch"):
        images_card(run, view)
    with middle.container(border=True, height="stretch"):
        map_card(run, view)
    with right.container(border=True, height="stretch"):
        accuracy_card(run.result)
    if run.result.get("threshold"):
        with st.expander("What the budget can reach", icon=":material/straighten:"):
            threshold = run.result["threshold"]
            st.markdown(figures.reach_words(threshold))
            st.plotly_chart(
                figures.reach_figure(threshold),
                key="reach",
                config={"displayModeBar": False},
                alt="Smallest gradient that poison can leave at the target, by budget, and this run's",
            )
            st.caption(
                "The defender trains the target head only where clean data and poison leave no gradient there. The "
                "shaded area is out of reach for any poison, whatever its features; above it, an attack may or may "
                "not get there."
            )
    with st.expander("The run, step by step", icon=":material/show_chart:"):
        if run.result["curve"]:
            st.plotly_chart(
                figures.curve_figure(run.result["curve"], height=360),
                key="curve",
                alt="Accuracy and objective at each step of the run",
            )
        else:
            st.caption("This attack has no steps.")
        seconds = run.result["seconds"]
        timing = ", ".join(f"{words} {seconds[stage]:.1f} s" for stage, words in STAGES.items() if stage in seconds)
        st.caption(f"Computed on {run.result['device']}. {timing}.")
    with st.expander("Take it with you", icon=":material/download:"):
        downloads_card(run, "poison_x" in view)


def other_settings(run: StoredRun) -> None:
    """Say that the result below is not that of the sidebar, and offer the way back."""
    text, button = st.columns([4, 1.3], vertical_alignment="center")
    text.warning(
        "Below is the last result on show, **not** that of the settings in the sidebar.",
        icon=":material/history:",
    )
    try:
        back = _state.from_spec(run.spec)
    except SpecError:
        return
    button.button(
        "Back to its settings",
        key="back",
        icon=":material/undo:",
        on_click=_sidebar.choose,
        args=(back,),
        width="stretch",
    )


state = st.session_state
state.setdefault("watched", [])
state.setdefault("left", set())
state.setdefault("shown", "")
state.setdefault("submit_error", "")

st.title("Poison Lab")
st.markdown(PROBLEM)

asked: ExperimentSpec | None = state.spec
stored = None if asked is None else _runs.find(asked.hash)
if stored is not None:
    state.shown = stored.hash
shown = stored or _runs.find(state.shown) or _runs.default_run()

card = st.container()
if shown is None:
    st.info(
        "No experiment has been run here yet. Choose settings in the sidebar and press Run.",
        icon=":material/science:",
    )
else:
    if stored is None:
        other_settings(shown)
    result_section(shown, is_asked=stored is not None)

# The card comes last because it may wait for the engine, in the first seconds of a server.
with card:
    try:
        state.polling = any(not job.status().over for job in watched_jobs(asked))
        st.fragment(run_card, run_every=REFRESH_SECONDS if state.polling else None)(asked, stored is not None)
    except PoisonLabError as error:
        st.error(str(error), title="Nothing can be computed at the moment", icon=":material/power_off:")
