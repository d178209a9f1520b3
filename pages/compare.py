"""Two to four finished runs side by side: what differs in their settings, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.catalog.differences import MOST_TOLD, differences, field_words, sentence, value_words
from core.experiments.result import drop, paired_error
from core.presentation import comparison
from core.storage.runs import StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError
from pages import _compare_figures as pictures
from pages import _pick, _runs, _words
from pages._compare_figures import COLORS, NAMES, SIGNS

LEAST, MOST = 2, len(NAMES)
NOTHING = ""
PER_PAGE = 12
SCROLL_HEIGHT = 545
MOST_CLASSES = 20
INTRODUCTION = (
    "Pick finished runs. The page says what differs in their settings, and shows what came of it side by side."
)
PICK_HELP = "Type to search: attack, budget, data, extractor, seed. The newest run comes first."
MEASURES = {"clean": "Clean", "stage2": "Stage 2", "poisoned": "Poisoned"}
PER_CLASS = {
    "lost": "Points lost",
    "poisoned": "Poisoned accuracy",
    "clean": "Clean accuracy",
}
MATRICES = {"change": "Change by the poison", "clean": "Clean", "poisoned": "Poisoned"}
NOISE_HELP = "In map units: of points that did not change at all, one in twenty still lands farther off than that."
QUIET = {"displayModeBar": False}


@dataclass(frozen=True)
class Picked:
    """A run on show: its place gives it its letter, colour and symbol."""

    place: int
    run: StoredRun
    view: dict[str, Array]

    @property
    def name(self) -> str:
        """Its letter."""
        return NAMES[self.place]

    @property
    def mark(self) -> str:
        """Its symbol and letter in its colour, as HTML in Markdown."""
        return f'<span style="color:{COLORS[self.place]}">{SIGNS[self.place]}</span> **{self.name}**'

    @property
    def classes(self) -> list[str]:
        """Its classes, as they were named when it ran."""
        return list(self.run.result["classes"])


def widget(place: int) -> str:
    """The key of a picker."""
    return f"pick-{place}"


def picked_runs() -> None:
    """Note what the pickers say, for the URL; for callbacks."""
    chosen = [st.session_state.get(widget(place)) or NOTHING for place in range(MOST)]
    st.session_state.turn = {"runs": ",".join(one for one in chosen if one)}


def asked(known: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runs that the URL asks for, and a sentence on each thing in it that is not followed."""
    text = st.query_params.get("runs")
    given = st.session_state.get("compared", []) if text is None else [one for one in text.split(",") if one]
    problems = [
        f"The run `{_words.plain(one[:40])}` is not stored here; run its experiment again, or pick another."
        for one in given
        if one not in known
    ]
    wanted = list(dict.fromkeys(one for one in given if one in known))
    if len(wanted) > MOST:
        problems.append(f"The link names {len(wanted)} runs; shown are the first {MOST}.")
    if len(wanted) < len([one for one in given if one in known]):
        problems.append("A run that was named twice is shown once.")
    wanted = wanted[:MOST]
    default = _runs.default_run()
    for one in ([default.hash] if default else []) + list(known):
        if len(wanted) < LEAST and one in known and one not in wanted:
            wanted.append(one)
    return wanted, problems


def pickers(labels: dict[str, str], wanted: Sequence[str]) -> None:
    """Four drop-downs, two of which may stay empty."""
    for row in (range(2), range(2, MOST)):
        for place, column in zip(row, st.columns(2), strict=True):
            options = list(labels) if place < LEAST else [NOTHING, *labels]
            st.session_state[widget(place)] = wanted[place] if place < len(wanted) else options[0]
            column.selectbox(
                f"{SIGNS[place]} Run {NAMES[place]}" + ("" if place < LEAST else " (optional)"),
                options,
                format_func={**labels, NOTHING: "None"}.get,
                key=widget(place),
                help=PICK_HELP,
                on_change=picked_runs,
            )


def loaded(hashes: Sequence[str]) -> list[Picked]:
    """The runs with what there is to draw; one whose pictures are damaged has none, and says so."""
    found = []
    for place, one in enumerate(hashes):
        run = _runs.find(one)
        if run is None:
            continue
        try:
            view = _runs.view(one)
        except StoreError as error:
            st.error(str(error), title=f"The pictures of run {NAMES[place]} can't be shown", icon=":material/error:")
            view = {}
        found.append(Picked(place, run, view))
    return found


def key_card(runs: Sequence[Picked]) -> None:
    """Who is who, in whole words, and where to go with each."""
    for one, column in zip(runs, st.columns(len(runs)), strict=True):
        with column.container(border=True, height="stretch", key=f"run-{one.name}"):
            st.markdown(f"{one.mark} · {_runs.words(one.run.spec)}", unsafe_allow_html=True)
            with st.container(horizontal=True):
                _pick.open_button(one.run.spec, widget=f"open-{one.name}")
                query = _pick.lab_query(one.run.spec)
                if query is None:
                    _pick.link_popover("present", {"run": one.run.hash}, widget=f"link-{one.name}")
                else:
                    _pick.link_popover("lab", query, widget=f"link-{one.name}")


def difference_card(runs: Sequence[Picked]) -> None:
    """What differs in the settings: a sentence, and a table where that is much."""
    st.subheader("What differs")
    specs, names = [one.run.spec for one in runs], [one.name for one in runs]
    st.markdown(_words.plain(sentence(specs, names)))
    found = differences(specs)
    if len(found) > MOST_TOLD:
        rows = [
            [field_words(field), *(_words.plain(value_words(field, value)) for value in values)]
            for field, values in found
        ]
        table(["Setting", *(one.mark for one in runs)], rows, is_number=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, is_number: bool) -> None:
    """A table as Markdown, which wraps on a phone; numbers stand under each other."""
    rule = ["---", *(["---:" if is_number else "---"] * (len(head) - 1))]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    st.markdown("\n".join(lines), unsafe_allow_html=True)


def numbers_card(runs: Sequence[Picked]) -> None:
    """Accuracies as a table and as bars."""
    st.subheader("Accuracy")
    stored = [one.run.result for one in runs]
    scores: dict[str, list[float | None]] = {
        words: [result[key] and result[key]["accuracy"] for result in stored] for key, words in MEASURES.items()
    }
    left, right = st.columns([1, 1.4], vertical_alignment="center")
    with left:
        rows = [
            [f"{words}, %", *("—" if value is None else f"{100 * value:.1f}" for value in values)]
            for words, values in scores.items()
        ]
        rows.append(["**Drop**, points", *(f"**{drop(result):.1f}**" for result in stored)])
        rows.append(["± standard error", *(f"{paired_error(result):.1f}" for result in stored)])
        rows.append(["Poisoned images", *(f"{result['n_poison']:,}" for result in stored)])
        rows.append(["Test images", *(f"{result['n_test']:,}" for result in stored)])
        table(["Test accuracy", *(one.mark for one in runs)], rows, is_number=True)
        st.caption(
            "Drop is clean minus poisoned. A dash: the attack has no stage 2. ± is the standard error of the drop: "
            "with other test images it would differ by about so much, so smaller differences mean little."
        )
    told = "; ".join(
        f"{one.name}: clean {100 * one.run.result['clean']['accuracy']:.1f} %, "
        f"poisoned {100 * one.run.result['poisoned']['accuracy']:.1f} %"
        for one in runs
    )
    right.plotly_chart(
        pictures.accuracy_bars(scores, [one.place for one in runs]),
        key="compare-accuracy",
        config=QUIET,
        alt=f"Test accuracy of each run; {told}",
    )


@st.fragment
def images_card(runs: Sequence[Picked]) -> None:
    """What became of the same base image in each run."""
    st.subheader("Images")
    without = [one.name for one in runs if "poison_x" not in one.view]
    runs = [one for one in runs if "poison_x" in one.view]
    if without:
        are = "make" if len(without) > 1 else "makes"
        st.caption(f"{' and '.join(without)} {are} no images: such an attack ends with feature vectors.")
    if not runs:
        return
    shared = comparison.shared_bases([one.view for one in runs])
    if shared:
        shown = " | ".join(["the base image", *(f"poison of {one.name}" for one in runs)])
        st.caption(
            f"{len(shared):,} base images are used by more than one run. From left to right: {shown}. A cross: not "
            "among the base images of that run."
        )
        same_bases(runs, shared)
        return
    if len(runs) > 1:
        st.caption("These runs share no base image; here are images of each: base image | poison.")
    for one, column in zip(runs, st.columns(len(runs)), strict=True):
        with column:
            st.markdown(one.mark, unsafe_allow_html=True)
            rows = range(min(PER_PAGE, len(one.view["poison_y"])))
            captions = [caption([one], (row,)) for row in rows]
            with st.container(height=SCROLL_HEIGHT, border=False, horizontal=True):
                pairs = [pictures.strip([one.view["base_x"][row], one.view["poison_x"][row]]) for row in rows]
                st.image(pairs, caption=captions, alt=[alt(words) for words in captions])


def same_bases(runs: Sequence[Picked], shared: Sequence[tuple[int | None, ...]]) -> None:
    """One strip a base image, page by page."""
    page = 1
    if len(shared) > PER_PAGE:
        page = st.pagination(-(-len(shared) // PER_PAGE), key="compare-images-page")
    strips, captions = [], []
    for rows in shared[(page - 1) * PER_PAGE : page * PER_PAGE]:
        first = next(i for i, row in enumerate(rows) if row is not None)
        poisons = [None if row is None else one.view["poison_x"][row] for one, row in zip(runs, rows, strict=True)]
        strips.append(pictures.strip([runs[first].view["base_x"][rows[first]], *poisons]))
        captions.append(caption(runs, rows))
    with st.container(height=SCROLL_HEIGHT, border=False, key="compare-images"):
        st.image(strips, caption=captions, alt=[alt(words) for words in captions])


def caption(runs: Sequence[Picked], rows: Sequence[int | None]) -> str:
    """What the base image shows and what each run labels it."""
    told, base = [], ""
    for one, row in zip(runs, rows, strict=True):
        if row is None:
            continue
        old, new = (_words.plain(one.classes[int(one.view[key][row])]) for key in ("base_y", "poison_y"))
        base = f"**{old}**"
        told.append(f"{one.name}: {'label kept' if old == new else new}")
    return f"{base} · {' · '.join(told)}"


def alt(words: str) -> str:
    """A caption without Markdown."""
    return f"A base image and its poison in each run; {words}".replace("**", "").replace("\\", "")


def maps_card(runs: Sequence[Picked]) -> None:
    """Where the poison landed, on shared axes where that means something."""
    st.subheader("Maps of features")
    groups = [[runs[i] for i in group] for group in comparison.same_map([one.view for one in runs])]
    if not groups:
        st.caption("These runs hold no maps.")
    if len(groups) > 1:
        apart = ", ".join("+".join(one.name for one in group) for group in groups)
        st.warning(
            "**These maps are not comparable.** Another map is fitted wherever the clean features differ, so places "
            f"and distances mean something only within a map. On axes of their own: {apart}.",
            icon=":material/layers_clear:",
        )
    for group in groups:
        if len(group) > 1:
            map_group(group)
    alone = [group[0] for group in groups if len(group) == 1]
    small_maps(alone, [[one.view] for one in alone])


def map_group(group: Sequence[Picked]) -> None:
    """Runs on the same clean features: all on one map, then each for itself on the same axes."""
    names = " and ".join(one.name for one in group)
    st.caption(
        f"{names} stand on the same clean features (grey): one map, fitted once, on which each run's poison is placed "
        "in its own colour and symbol. Below, each for itself on the same axes; lines come from the base images."
    )
    views = [one.view for one in group]
    letters = "".join(one.name for one in group)
    st.plotly_chart(
        pictures.shared_map(views, [one.place for one in group]),
        key=f"compare-map-{letters}",
        config={"displaylogo": False},
        alt=f"Clean features in grey, and the poison of {names} each in its own colour and symbol",
    )
    small_maps(group, [views] * len(group))


def small_maps(runs: Sequence[Picked], axes: Sequence[Sequence[dict[str, Array]]]) -> None:
    """A map a run, each on the axes that its views share."""
    if not runs:
        return
    for one, views, column in zip(runs, axes, st.columns(max(2, len(runs))), strict=False):
        with column:
            floor = float(one.view["noise_floor"])
            st.markdown(f"{one.mark} · noise floor {floor:.2f}", unsafe_allow_html=True, help=NOISE_HELP)
            st.plotly_chart(
                pictures.small_map(one.view, one.place, views),
                key=f"compare-map-{one.name}-alone",
                config=QUIET,
                alt=f"Poison of run {one.name} on the map of clean features, with lines from its base images",
            )


@st.fragment
def classes_card(runs: Sequence[Picked]) -> None:
    """Accuracy of each class, side by side where the classes are the same."""
    st.subheader("Accuracy per class")
    shown = st.segmented_control(
        "Shown per class",
        list(PER_CLASS),
        format_func=PER_CLASS.get,
        default="lost",
        required=True,
        key="compare-per-class",
        help="Points lost are clean minus poisoned accuracy; below zero the class got better.",
    )
    groups = comparison.grouped([tuple(one.classes) for one in runs])
    if len(groups) > 1:
        st.caption("The runs have different classes, so that they stand below each other.")
    for group in ([runs[i] for i in positions] for positions in groups):
        scores = [one.run.result for one in group]
        lost = [per_class(score, "lost") for score in scores]
        kept = comparison.most_changed(lost, MOST_CLASSES)
        classes = group[0].classes
        if len(kept) < len(classes):
            st.caption(f"The {len(kept)} of {len(classes)} classes that change most.")
        values = [[per_class(score, str(shown))[i] for i in kept] for score in scores]
        names = ", ".join(one.name for one in group)
        st.plotly_chart(
            pictures.class_bars(
                values,
                [classes[i] for i in kept],
                [one.place for one in group],
                PER_CLASS[str(shown)] + ("" if shown == "lost" else ", %"),
            ),
            key=f"compare-classes-{names}",
            config=QUIET,
            alt=f"{PER_CLASS[str(shown)]} of each class in runs {names}",
        )


def per_class(result: dict[str, Any], what: str) -> list[float]:
    """Percent, or points lost, of each class of a stored result."""
    clean, poisoned = result["clean"]["per_class"], result["poisoned"]["per_class"]
    if what == "lost":
        return [100 * (before - after) for before, after in zip(clean, poisoned, strict=True)]
    return [100 * value for value in result[what]["per_class"]]


@st.fragment
def matrices_card(runs: Sequence[Picked]) -> None:
    """What is taken for what, in each run."""
    st.subheader("What is taken for what")
    shown = str(
        st.segmented_control(
            "Test images counted",
            list(MATRICES),
            format_func=MATRICES.get,
            default="change",
            required=True,
            key="compare-matrices",
            help="Counts of test images by what they are and what the model says; the change is poisoned minus clean.",
        )
    )
    if shown == "change":
        st.caption("Orange: so many more test images than without poison. Blue: so many fewer. Empty: as before.")
    else:
        st.caption("Test images of each class (rows) by what the model says (columns). On the diagonal it is right.")
    counts = {one.name: matrix_of(one, shown) for one in runs}
    limit = max((comparison.largest_confusion(cells) for cells in counts.values() if cells is not None), default=1)
    for start in range(0, len(runs), 2):
        for one, column in zip(runs[start : start + 2], st.columns(2), strict=False):
            with column:
                st.markdown(one.mark, unsafe_allow_html=True)
                cells = counts[one.name]
                if cells is None:
                    st.info("Not stored by this older run; run it again.", icon=":material/history:")
                    continue
                st.plotly_chart(
                    pictures.matrix(cells, one.classes, limit, is_change=shown == "change", is_dark=_pick.is_dark()),
                    key=f"compare-matrix-{one.name}",
                    config=QUIET,
                    alt=f"Confusion matrix of run {one.name}, {MATRICES[shown].lower()}: true by predicted classes",
                )


def matrix_of(one: Picked, shown: str) -> Array | None:
    """The counts that were asked for; None where the run has not stored them."""
    clean, poisoned = (comparison.confusion(one.run.result[key], len(one.classes)) for key in ("clean", "poisoned"))
    if shown != "change":
        return clean if shown == "clean" else poisoned
    return None if clean is None or poisoned is None else poisoned - clean


def side_key(runs: Sequence[Picked]) -> None:
    """Which letter is which run, always in sight on a wide screen."""
    with st.sidebar:
        st.subheader("On show")
        for one in runs:
            st.markdown(f"{one.mark} · {_runs.words(one.run.spec)}", unsafe_allow_html=True)


def in_cards(runs: Sequence[Picked], cards: Sequence[Callable[[Sequence[Picked]], None]]) -> None:
    """Each part in a box of its own."""
    for card in cards:
        with st.container(border=True):
            card(runs)


st.title("Compare runs")
st.markdown(INTRODUCTION)
named = (st.query_params.get("runs") or "").split(",") + st.session_state.get("compared", [])
rows = _runs.listed([*named, *st.session_state.get("turn", {}).get("runs", "").split(",")])
if len(rows) < LEAST:
    st.info(
        "Two finished runs are needed. Run an experiment in the lab, then come back.", icon=":material/compare_arrows:"
    )
    st.stop()
labels = _pick.labels(rows)
# Written here and not in the callback: what a callback writes does not reach the browser.
st.query_params.update(st.session_state.pop("turn", {}))
wanted, problems = asked(list(labels))
pickers(labels, wanted)
for problem in problems:
    st.warning(problem, icon=":material/link_off:")
st.session_state.compared = wanted
if st.query_params.get("runs") != ",".join(wanted):
    st.query_params["runs"] = ",".join(wanted)
picked = loaded(wanted)
key_card(picked)
in_cards(picked, [difference_card, numbers_card, images_card, maps_card, classes_card, matrices_card])
side_key(picked)
