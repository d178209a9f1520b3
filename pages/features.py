"""The features of a run: a map to lasso, the images of its points, and one point beside its neighbours."""

from dataclasses import dataclass

import streamlit as st

from core.experiments.points import PointImages, Points
from core.storage.runs import StoredRun
from core.system.errors import PoisonLabError
from core.system.numbers import fixed, percent
from core.system.paths import results
from pages import _map, _own, _points, _runs, _tasks, _why, _words
from pages._controls import Choice, Whole
from pages._own import Rows, Switch

PER_PAGE = 50
TABLE_HEIGHT = 480
MAP = "features-chart"
"""Key of the map."""
MAP_HEIGHT = 560
INTRODUCTION = (
    "The features that the head is trained on: each image is a point, and images with similar features lie together. "
    "Lasso points to see their images; select images to highlight them on the map."
)
COLOUR_WORDS = {
    "class": "Coloured by the label in the training set.",
    "right": "Correct or wrong: whether the head predicts the point's label in the training set. A correct poisoned "
    "sample has been fitted by the head.",
    "loss": "Loss: cross-entropy of the point's label under the head.",
    "influence": "Influence: first-order effect of the point on the mean test loss, in thousandths (Koh & Liang 2017). "
    "Red points increase the loss, blue ones decrease it.",
    "poison": "Poisoned samples among clean ones.",
}


@dataclass(frozen=True)
class View:
    """What the map shows: keys of `SPACES`, `COLOURS` and `HEADS`, whether arrows are drawn, the plane's classes."""

    space: str
    colour: str
    head: str
    arrows: bool
    classes: tuple[int, int]


def controls(points: Points) -> View:
    """The controls of the map."""
    space = _own.ask("map", Choice(_points.SPACES, "umap"))
    colour = _own.ask("colour", Choice(_points.COLOURS, "class"))
    head = _own.ask("head", Choice(_points.HEADS, "poisoned"))
    moves = _own.ask("moves", Switch(True))
    st.segmented_control(
        "Map",
        list(_points.SPACES),
        format_func=_points.SPACES.__getitem__,
        default=space,
        required=True,
        key=_own.widget("map"),
        wrap=True,
        help="UMAP keeps neighbours together; PCA is linear and keeps large distances; the decision plane shows "
        "how the head tells two classes apart.",
    )
    chosen = classes_of_plane(points, space == "plane")
    st.pills(
        "Colour",
        list(_points.COLOURS),
        format_func=_points.COLOURS.__getitem__,
        default=colour,
        required=True,
        key=_own.widget("colour"),
        wrap=True,
        help="What the colour of a point shows.",
    )
    st.segmented_control(
        "Head",
        list(_points.HEADS),
        format_func=_points.HEADS.__getitem__,
        default=head,
        required=True,
        key=_own.widget("head"),
        wrap=True,
        help="The head of the predictions and losses: trained with or without the poisoned samples.",
    )
    st.toggle("Shifts", moves, key=_own.widget("moves"), help="Arrows from base images to poisoned images.")
    return View(space, colour, head, moves, chosen)


def classes_of_plane(points: Points, has_use: bool) -> tuple[int, int]:
    """The two classes of the decision plane; by default the most frequent change of label by poisoning."""
    changes = list(zip(points.plot.base_y.tolist(), points.plot.poison_y.tolist(), strict=True))
    old, new = (points.classes[label] for label in max(changes, key=changes.count))
    left = _own.ask("left", Choice({name: name for name in points.classes}, old) if has_use else None) or old
    rest = [name for name in points.classes if name != left]
    other = Choice({name: name for name in rest}, new if new in rest else rest[0])
    right = _own.ask("right", other if has_use else None) or other.default
    if has_use:
        with st.container(horizontal=True):
            for key, words, names, value in (("left", "From", points.classes, left), ("right", "To", rest, right)):
                help_ = f"Lies on the {key} of the boundary."
                st.selectbox(words, names, names.index(value), key=_own.widget(key), help=help_, width=200)
    return points.classes.index(left), points.classes.index(right)


def lassoed() -> None:
    """Show the images of the lassoed points; for callbacks."""
    set_rows(_map.told_rows(MAP))


def picked() -> None:
    """Pin the point that was selected on the map, alone; for callbacks."""
    row = _map.told_row(MAP)
    st.session_state[_own.widget("pin")] = [] if row is None else [row]


def set_rows(rows: list[int]) -> None:
    """Show the images of some points, of all where there are none; for callbacks."""
    st.session_state[_own.widget("lasso")] = rows
    st.session_state[_own.widget("page")] = 1


def pin() -> None:
    """Pin what is chosen in the table, the newest last; what other pages of it hold stays. For callbacks."""
    state, key = st.session_state, _own.widget("pin")
    shown = state["features-shown"]
    chosen = [shown[i] for i in state["features-table"]["selection"]["rows"]]
    others = [row for row in state[key] if row not in shown or row in chosen]
    state[key] = others + [row for row in chosen if row not in others]


def unpin() -> None:
    """Clear the pins; for callbacks."""
    st.session_state[_own.widget("pin")] = []


def map_card(run: StoredRun, points: Points, rows: list[int], pins: list[int], view: View) -> None:
    """The map."""
    plane: _points.Plane | None = None
    if view.space == "plane":
        a, b = view.classes
        positions = points.plane(a, b, view.head)
        titles = (f"{points.classes[a]} ← boundary → {points.classes[b]}", "First principal component")
        plane = _points.Plane(titles, (a, b))
    else:
        positions = points.positions("pca" if view.space == "pca" else "xy")
        if view.space == "pca" and points.plot.pca_share is not None:
            first, second = points.plot.pca_share
            titles = (
                f"Principal component 1 ({percent(first, 0)})",
                f"Principal component 2 ({percent(second, 0)})",
            )
            plane = _points.Plane(titles)
    _map.show(
        _points.scene(points, positions, colour=view.colour, head=view.head, arrows=view.arrows, plane=plane),
        key=MAP,
        height=MAP_HEIGHT,
        images_of=run.hash,
        card=False,
        lassoed=rows,
        pinned=pins,
        on_lasso=lassoed,
        on_pick=picked,
        alt=f"{len(points.y):,} points, {points.plot.n_poison:,} of them poisoned, by {view.colour}",
    )
    st.caption(f"{COLOUR_WORDS[view.colour]} {space_words(points, view.space)}")


def space_words(points: Points, space: str) -> str:
    """How reliable a map is."""
    if space == "plane":
        return "The decision boundary between the two classes is at 0; only the horizontal position matters."
    plot = points.plot
    if space == "pca" and plot.pca_share is not None:
        return f"The two directions explain {percent(float(plot.pca_share.sum()), 0)} of the variance."
    return (
        f"The map preserves {percent(plot.preserved, 0)} of the 15 nearest neighbours; shifts below "
        f"{fixed(plot.noise_floor, 2)} map units are noise."
    )


def grid(points: Points, images: PointImages, head: str, lasso: list[int], pins: list[int]) -> None:
    """The images of the lassoed points, or of all, poisoned ones first; selecting one pins it."""
    rows = lasso or list(range(len(points.y) - 1, -1, -1))
    n_poison = sum(row >= points.n_clean for row in rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(rows):,}** {'lassoed' if lasso else 'points'}, **{n_poison:,}** of them poisoned")
        st.button(
            "Show all",
            key="features-forget",
            on_click=set_rows,
            args=([],),
            disabled=not lasso,
            help="Clear the lasso.",
        )
    pages = -(-len(rows) // PER_PAGE)
    page = _own.ask("page", Whole(1, pages, 1) if pages > 1 else None) or 1
    if pages > 1:
        st.pagination(pages, default=page, key=_own.widget("page"), max_visible_pages=5)
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    st.session_state["features-shown"] = shown
    chosen = [i for i, row in enumerate(shown) if row in pins]
    if st.session_state.get("features-table", {}).get("selection", {}).get("rows", []) != chosen:
        st.session_state["features-table"] = {"selection": {"rows": chosen, "columns": [], "cells": []}}
    st.dataframe(
        _points.table(points, images, shown, head),
        key="features-table",
        on_select=pin,
        alt="Images, labels, predictions, loss and influence of the points",
        selection_mode="multi-row",
        hide_index=True,
        height=TABLE_HEIGHT,
        row_height=44,
        column_config={
            "Image": st.column_config.ImageColumn(width=56),
            "Influence": st.column_config.NumberColumn(
                help="Effect of the point on the mean test loss, in thousandths."
            ),
            "Loss": st.column_config.NumberColumn(help="Cross-entropy of its label."),
            "Row": st.column_config.NumberColumn(help="Number of the point."),
        },
    )


def pinned(points: Points, images: PointImages, row: int, head: str) -> None:
    """One point beside its nearest neighbours in feature space."""
    (words,) = _points.words(points, [row], head)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Pinned", width="stretch")
        st.button("Unpin", key="features-unpin", on_click=unpin, help="Clear the pinned images.")
    st.markdown(". ".join(map(_words.plain, words.split("<br>"))))
    near = points.neighbours(row)
    rows = [row, *(other for other, _ in near)]
    captions = ["**pinned**"] + [
        f"{_words.plain(points.classes[int(points.y[other])])}{' · poisoned' if other >= points.n_clean else ''} · "
        f"{fixed(distance, 2)}"
        for other, distance in near
    ]
    st.image(
        [_points.picture(images[other]) for other in rows],
        caption=captions,
        width=84,
        alt=[caption.replace("*", "") for caption in captions],
    )
    same = sum(int(points.y[other]) == int(points.y[row]) for other, _ in near)
    st.caption(
        f"Its nearest neighbours in feature space, with their distances (features have norm about 3): {same} of "
        f"{len(near)} have its label."
    )


@st.fragment
def linked_views(run: StoredRun) -> None:
    """The linked map and images."""
    points = Points(_runs.plot(run.hash), run.summary.classes)
    images = _runs.images(str(results()), run.hash)
    some = Rows(len(points.y), [])
    lasso, pins = _own.ask("lasso", some), _own.ask("pin", some)
    side, middle, right = st.columns([0.5, 1.2, 1.1])
    with side:
        view = controls(points)
    with middle.container(border=True):
        map_card(run, points, lasso, pins, view)
    with right.container(border=True):
        grid(points, images, view.head, lasso, pins)
        if pins:
            pinned(points, images, pins[-1], view.head)
        else:
            st.caption(
                "Select a row to show its image beside its nearest neighbours and to mark it on the map, with the "
                "keyboard by Shift + Space; or select a point on the map."
            )
    if pins:
        with st.container(border=True, key="features-why"):
            waiting = _why.is_waiting(run)
            st.fragment(_why.card, run_every=_tasks.WAIT_SECONDS if waiting else None)(run, pins[-1])
    _own.write()


@dataclass(frozen=True)
class Stored:
    """Any finished run, by its hash."""

    default: str
    allowed = "a run that is stored here"

    def parse(self, text: str) -> str | None:
        """The value that a link means, or None."""
        return text if _runs.find(text) else None

    def near(self, value: str) -> str:
        """The run itself, while it is stored."""
        return value if _runs.find(value) else self.default

    def text(self, value: str) -> str:
        """As it stands in a link."""
        return value


def requested_run() -> StoredRun | None:
    """The run of the sidebar's settings, if stored; else the run that the link names, or the one shown before."""
    state, spec = st.session_state, st.session_state.spec
    own = _runs.find(spec.hash) if spec else None
    start = own or _runs.find(state.get("shown", "")) or _runs.default_run()
    key = _own.widget("run")
    before = state.get(key, state.get("features-run-shown", "") if state.own_is_kept else "")
    if own is not None and key in state and state["features-asked"] != spec.hash:
        state[key] = own.hash
    state["features-asked"] = spec.hash if spec else ""
    run = _own.ask("run", Stored(start.hash) if start else None, plain=own.hash if own else "")
    if before not in ("", run):  # rows of another run mean other points
        set_rows([])
        unpin()
    state["features-run-shown"] = run or ""
    return _runs.find(run) if run else None


def page() -> None:
    """The page."""
    st.title("Features")
    st.markdown(INTRODUCTION)
    run = requested_run()
    if run is None:
        st.info("No experiment has been run here yet: run one in the lab first.", icon=":material/science:")
        return
    st.caption(_runs.words(run.spec))
    if st.session_state["features-asked"] not in ("", run.hash):
        st.warning("This run does not have the settings of the sidebar.", icon=":material/history:")
    try:
        if not _runs.plot(run.hash).has_points:
            st.info("This run was made by an older version that did not store neighbours; run it again in the lab.")
            return
        linked_views(run)
    except PoisonLabError as error:
        st.error(str(error), title="The features of this run can't be shown", icon=":material/broken_image:")


page()
