"""The features of a run: a map to lasso, the images behind its points, and one point beside its neighbours."""

from typing import Any

import streamlit as st

from core import explore
from core.errors import PoisonLabError
from core.explore import Points
from core.paths import results
from core.result import Array
from core.store import StoredRun
from pages import _points, _runs, _words

PER_PAGE = 50
TABLE_HEIGHT = 480
INTRODUCTION = (
    "What the head sees: each image is one point, and images that the extractor finds alike lie together. "
    "Draw a loop around points to see their images; choose images to find them on the map."
)
COLOUR_WORDS = {
    "class": "Coloured by the label that the defender is told.",
    "right": "Right or wrong: whether the head gives the point the label that the defender was told. A poison that is "
    "right has been learnt.",
    "loss": "Loss: how badly the head fits the point's label (cross-entropy).",
    "influence": "Influence: what the point adds to the mean loss on the test set, in thousandths, to first order (Koh "
    "& Liang 2017). Red points do harm, blue ones help.",
    "poison": "Poison among clean points.",
}


def controls(points: Points) -> tuple[str, str, str, bool, tuple[int, int]]:
    """Which map, coloured how, judged by which head, with arrows, and the two classes of the decision plane."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        space = st.segmented_control(
            "Map",
            list(_points.SPACES),
            format_func=_points.SPACES.get,
            default="xy",
            required=True,
            key="features-space",
            help="UMAP keeps neighbours together; PCA is linear and keeps large distances; the decision plane shows "
            "how the head tells two classes apart.",
        )
        colour = st.pills(
            "Colour",
            list(_points.COLOURS),
            format_func=_points.COLOURS.get,
            default="class",
            required=True,
            key="features-colour",
            help="What the colour of a point says.",
        )
        head = st.segmented_control(
            "Head",
            list(_points.HEADS),
            format_func=_points.HEADS.get,
            default="poisoned",
            required=True,
            key="features-head",
            help="Which head judges the points: trained with the poison or without it.",
        )
        arrows = st.toggle("Moves", value=True, key="features-arrows", help="Lines from base images to their poison.")
    pair = (0, 1)
    if space == "plane":
        pair = classes_of_plane(points)
    return str(space), str(colour), str(head), arrows, pair


def classes_of_plane(points: Points) -> tuple[int, int]:
    """The two classes that the decision plane tells apart; first those of the commonest poison."""
    changes = list(zip(points.view["base_y"].tolist(), points.view["poison_y"].tolist(), strict=True))
    old, new = max(changes, key=changes.count)
    if old == new:
        new = (old + 1) % len(points.classes)
    names = list(range(len(points.classes)))
    with st.container(horizontal=True):
        pick = {"format_func": points.classes.__getitem__, "width": 200}
        a = st.selectbox("From", names, index=old, key="features-a", help="Lies on the left of the boundary.", **pick)
        rest = [name for name in names if name != a]
        first = rest.index(new) if new in rest else 0
        b = st.selectbox("To", rest, index=first, key="features-b", help="Lies on the right of the boundary.", **pick)
    return int(a), int(b)


def picked() -> list[int]:
    """Rows that the person has chosen in the grid of images."""
    chosen = st.session_state.get("features-table", {}).get("selection", {}).get("rows", [])
    shown = st.session_state.get("features-shown", [])
    return [shown[i] for i in chosen if i < len(shown)]


def lassoed() -> None:
    """Keep what was lassoed: a new drawing of the map would forget it."""
    rows = _points.chosen_rows(st.session_state["features-map"]["selection"])
    if rows:
        st.session_state["features-rows"] = rows
        st.session_state["features-page"] = 1


def forget() -> None:
    """Back to all points."""
    st.session_state["features-rows"] = []


def map_card(run: StoredRun, points: Points) -> str:
    """The map and its controls; returns the head that judges."""
    space, colour, head, arrows, (a, b) = controls(points)
    axes = None
    if space == "plane":
        positions = points.plane(a, b, head)
        axes = (f"{points.classes[a]} ← boundary → {points.classes[b]}", "First principal component")
    else:
        positions = points.positions(space)
        if space == "pca":
            shares = points.view["pca_share"]
            axes = tuple(f"Principal component {i + 1} ({100 * share:.0f} %)" for i, share in enumerate(shares))
    st.plotly_chart(
        _points.figure(points, positions, colour=colour, head=head, arrows=arrows, picked=picked(), axes=axes),
        key="features-map",
        on_select=lassoed,
        selection_mode=("lasso", "box", "points"),
        config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d"]},
        alt=f"{len(points.y):,} points, {len(points.view['poison_y']):,} of them poison, by {colour}",
    )
    st.caption(f"{COLOUR_WORDS[colour]} {space_words(points, space)}")
    return head


def space_words(points: Points, space: str) -> str:
    """How far a map is to be trusted."""
    if space == "plane":
        return "The head decides between the two classes at 0; only the horizontal place matters for it."
    if space == "pca":
        return f"Two directions that hold {100 * float(points.view['pca_share'].sum()):.0f} % of the variance."
    return (
        f"The map keeps {100 * float(points.view['preserved']):.0f} % of the 15 nearest neighbours, and a move below "
        f"{float(points.view['noise_floor']):.2f} map units is its own noise."
    )


def grid(points: Points, images: Array, head: str) -> list[int]:
    """The images of the lassoed points, or of all; returns the rows that are chosen."""
    rows = st.session_state.get("features-rows") or list(range(len(points.y) - 1, -1, -1))
    limited = bool(st.session_state.get("features-rows"))
    n_poison = sum(row >= points.n_clean for row in rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(rows):,}** {'lassoed' if limited else 'points'}, **{n_poison:,}** of them poison")
        st.button("Show all", key="features-forget", on_click=forget, disabled=not limited, help="Forget the lasso.")
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key="features-page", max_visible_pages=5) if pages > 1 else 1
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    st.session_state["features-shown"] = shown
    st.dataframe(
        _points.table(points, images, shown, head),
        key="features-table",
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        height=TABLE_HEIGHT,
        row_height=44,
        column_config={
            "Image": st.column_config.ImageColumn(width=56),
            "Influence": st.column_config.NumberColumn(help="Thousandths of test loss that the point adds."),
            "Loss": st.column_config.NumberColumn(help="Cross-entropy of its label."),
            "Row": st.column_config.NumberColumn(help="Number of the point."),
        },
    )
    return picked()


def pinned(points: Points, images: Array, row: int, head: str) -> None:
    """One point beside its nearest neighbours in feature space."""
    (words,) = _points.words(points, [row], head)
    st.subheader("Pinned")
    st.markdown(f"{_words.plain(words).replace(chr(92) + '<br', '. ').replace('<br>', '. ')}")
    near = points.neighbours(row)
    rows = [row, *(other for other, _ in near)]
    captions = ["**pinned**"] + [
        f"{_words.plain(points.classes[int(points.y[other])])}{' · poison' if other >= points.n_clean else ''} · "
        f"{distance:.2f}"
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


@st.cache_resource(max_entries=_runs.CACHED_RUNS, show_spinner=False)
def images_of(root: str, spec_hash: str) -> Any:
    """The images of all points of a run."""
    run = _runs.find(spec_hash)
    assert run is not None
    return explore.images(run.spec, _runs.view(spec_hash))


@st.fragment
def instrument(run: StoredRun) -> None:
    """Map and images, which drive each other."""
    points = Points(_runs.view(run.hash), run.result["classes"])
    images = images_of(str(results()), run.hash)
    if st.session_state.get("features-of") != run.hash:
        st.session_state["features-of"] = run.hash
        forget()
    left, right = st.columns([1.5, 1])
    with left.container(border=True):
        head = map_card(run, points)
    with right.container(border=True):
        chosen = grid(points, images, head)
        if chosen:
            pinned(points, images, chosen[-1], head)
        else:
            st.caption("Choose a line to pin its image beside its neighbours, and to see it ringed on the map.")


def page() -> None:
    """The run of the sidebar's settings, or the one that was last on show."""
    st.title("Features")
    st.markdown(INTRODUCTION)
    asked = st.session_state.spec
    run = (_runs.find(asked.hash) if asked else None) or _runs.find(st.session_state.get("shown", ""))
    if run is None:
        run = _runs.default_run()
    if run is None:
        st.info("No experiment has been run here yet: run one in the lab first.", icon=":material/science:")
        return
    st.caption(_runs.words(run.spec))
    try:
        if not explore.has_points(_runs.view(run.hash)):
            st.info("This run is of an older version that kept no neighbours; run it again in the lab.")
            return
        instrument(run)
    except PoisonLabError as error:
        st.error(str(error), title="The features of this run can't be shown", icon=":material/broken_image:")


page()
