"""The trajectory of an attack through its stages: what each optimises and reaches, and the losses between them."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.plot_data import PlotData
from core.presentation.explanations import explain_stage
from core.presentation.stages import TITLES, ShownStep, StageLoss, losses, shown_steps
from core.storage.runs import StoredRun
from core.system.errors import StoreError
from core.system.numbers import digits, fixed, percent
from core.system.paths import results
from pages import _cards, _own, _pick, _runs, _stage_figures
from pages._controls import Whole, read

PLAY_SECONDS = 1.2
STARTS = 12
"""Base images that are shown before there are poisoned ones; as many as of those."""
QUIET = {"displayModeBar": False}
VALUES = {
    "residual": (
        "Residual gradient",
        "Norm of the gradient of clean and poisoned data at the target; at 0 training would end there.",
    ),
    "gap": ("Inversion gap", "Mean distance of the images' features from the target features, relative to their norm."),
    "train_accuracy": (
        "Training accuracy",
        "Accuracy of the retrained head on the clean training set, which the attacker can see.",
    ),
    "loss": ("Loss of the poisoned images", "Cross-entropy of the head on the poisoned images."),
}
INTRODUCTION = (
    "An attack works in stages, and each loses some of the damage that the one before had achieved. Step through its "
    "trajectory or play it: at every step the head is retrained, and tested on images that the attacker never sees."
)


def turn(step: int) -> None:
    """Go to a step; for callbacks."""
    st.session_state["trajectory-step"] = step


def select_run() -> None:
    """Show the trajectory of the selected run; for callbacks."""
    st.session_state.turn = {"run": st.session_state["stages-run"], "step": "0"}
    st.session_state.pop("trajectory-step", None)


def picker(run: StoredRun) -> bool:
    """The run to show; whether its steps play."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        playing = st.toggle("Play", key="trajectory-play", help="Goes through the steps by itself.")
        _pick.run_box("Run", run, widget="stages-run", on_change=select_run)
        _pick.open_button(run.spec, widget="stages-lab")
    return playing


def lost_words(stage_losses: Sequence[StageLoss]) -> str:
    """The losses between stages, one line each."""
    names = {"target": "the target head", "stage2": "the poisoned features", "poison": "the poisoned images"}
    lines = []
    for loss in stage_losses:
        before, after, less = names[loss.before], names[loss.after], loss.wanted - loss.reached
        costs = f"{before} (costs the defender {fixed(loss.wanted)}) and {after} ({fixed(loss.reached)})"
        if less >= 0:
            lines.append(f"- **{fixed(less)} points are lost** between {costs}. {loss.why}")
        else:
            lines.append(f"- **{fixed(-less)} points are gained** between {costs}.")
    return "\n".join(lines)


def trajectory(run: StoredRun, plot: PlotData, steps: list[ShownStep], playing: bool) -> None:
    """One step; accuracy, formula, map and images move together."""
    state = st.session_state
    last = len(steps) - 1
    if playing and "trajectory-step" in state and state.pop("trajectory-drawn", False):
        state["trajectory-step"] = (state["trajectory-step"] + 1) % len(steps)
    state["trajectory-drawn"] = True
    with st.container(horizontal=True, vertical_alignment="bottom"):
        now = int(
            st.select_slider(
                "Step",
                range(len(steps)),
                format_func=lambda i: steps[i].label,
                key="trajectory-step",
                help="From the clean head to the poisoned set. The arrow keys move it, too.",
            )
        )
        back, on = max(0, now - 1), min(last, now + 1)
        st.button(
            "Back", key="trajectory-back", icon=":material/arrow_back:", on_click=turn, args=(back,), disabled=now == 0
        )
        st.button(
            "Next",
            key="trajectory-next",
            icon=":material/arrow_forward:",
            on_click=turn,
            args=(on,),
            disabled=now == last,
        )
        _pick.link_popover("stages", {"run": run.hash, "step": str(now)}, widget="stages-link")
    if st.query_params.get("step", "0") != str(now):
        st.query_params["step"] = str(now)
        _own.write()
    here, stage_losses = steps[now], losses(run.summary)
    st.plotly_chart(
        _stage_figures.axis_figure(steps, now, stage_losses),
        key="trajectory-axis",
        config=QUIET,
        alt=f"Test accuracy at every step of the attack; now {here.label}, {percent(here.accuracy)}",
    )
    if stage_losses:
        st.markdown(lost_words(stage_losses))
    with st.container(border=True):
        explanation = explain_stage(here.stage, run.summary.description)
        st.subheader(TITLES[here.stage])
        left, right = st.columns([1.3, 1], gap="medium")
        with left:
            st.latex(explanation.formula)
            st.markdown(explanation.text)
        with right:
            measures(run, here)
    left, right = st.columns([1.5, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        map_panel(run, plot, steps, now)
    with right, st.container(border=True, height="stretch"):
        images_panel(run, plot, here)


def measures(run: StoredRun, here: ShownStep) -> None:
    """The numbers of this step."""
    lost = 100 * (run.summary.clean.accuracy - here.accuracy)
    with st.container(horizontal=True):
        help_ = "Of the target head itself." if here.stage == "target" else "Of the head retrained at this step."
        less = f"{fixed(-lost)} points" if round(lost, 1) else None
        st.metric("Test accuracy", percent(here.accuracy), less, help=help_)
        for name, (label, meaning) in VALUES.items():
            if name in here.values:
                value = here.values[name]
                text = percent(value) if name in ("train_accuracy", "gap") else digits(value, 3)
                st.metric(label, text, help=meaning)


def map_panel(run: StoredRun, plot: PlotData, steps: list[ShownStep], now: int) -> None:
    """The poisoned samples on the principal components of the clean features."""
    st.markdown("**Features**, on the first two principal components of the clean ones")
    st.plotly_chart(
        _stage_figures.map_figure(plot, run.summary.classes, steps, now),
        key="trajectory-map",
        config=QUIET,
        alt=f"Map of features; {steps[now].label}",
    )
    followed = 0 if plot.walk_pca is None else plot.walk_pca.shape[1]
    total = plot.n_poison
    if steps[now].point is None:
        st.caption("There are no poisoned samples yet: dots are clean images, by class.")
    else:
        which = "the poisoned samples" if followed == total else f"{followed} of {total:,} poisoned samples"
        st.caption(f"Diamonds are {which}, coloured by label; lines are their trajectories.")


def images_panel(run: StoredRun, plot: PlotData, here: ShownStep) -> None:
    """The first poisoned images at this step; before there are any, their base images."""
    st.markdown("**Images**")
    classes, root = run.summary.classes, str(results())
    if here.picture is not None and here.point is not None and plot.walk_x is not None:
        labels = [classes[int(label)] for label in plot.labels_at(here.point)[: plot.walk_x.shape[1]]]
        _cards.side_by_side(
            _runs.step_images(root, run.hash, here.picture),
            labels,
            [f"Poisoned image labelled {label}" for label in labels],
        )
        return
    if plot.walk_x is not None:
        st.caption("Nothing is changed yet: these are the base images of the poisoned samples.")
    else:
        st.caption("This attack makes features, not images: these are the base images whose features it starts from.")
    labels = [classes[int(label)] for label in plot.base_y[:STARTS]]
    _cards.side_by_side(
        _runs.bases(root, run.hash, STARTS), labels, [f"Base image of the class {label}" for label in labels]
    )


def requested_step(steps: list[ShownStep]) -> int:
    """The step that the URL asks for; the first where it asks for none there is."""
    step, problems = read("step", Whole(0, len(steps) - 1, 0), st.query_params.get("step"))
    for problem in problems:
        st.warning(problem, icon=":material/link_off:")
    return step


st.title("Stages")
st.markdown(INTRODUCTION)
shown = _pick.requested_run(_runs.staged_run)
playing = picker(shown)
steps = shown_steps(shown.summary)
if not steps:
    st.info(
        "This run was stored without its trajectory. Choose another one, or run it again in the lab.",
        icon=":material/history:",
    )
    st.stop()
try:
    plot = _runs.plot(shown.hash)
except StoreError as error:
    st.error(str(error), title="The figures of this run can't be shown", icon=":material/broken_image:")
    st.stop()
if (
    st.session_state.get("trajectory-step", -1) not in range(len(steps))
    or st.session_state.get("trajectory-run") != shown.hash
):
    st.session_state["trajectory-step"], st.session_state["trajectory-run"] = requested_step(steps), shown.hash
st.fragment(trajectory, run_every=PLAY_SECONDS if playing else None)(shown, plot, steps, playing)
