"""Poison in the plane by hand: the head is solved in the browser at every move."""

from dataclasses import replace

import streamlit as st

from core.presentation.plane import TITLES, Plane
from core.system.errors import PoisonLabError
from pages import _address, _own, _plane, _playground
from pages._playground import View
from pages._state import Locks

INTRODUCTION = (
    "Two numbers per image, one linear head, and poison that you place by hand. At every move your browser trains the "
    "head again, to convergence; the accuracy is that on test points which nobody trains on."
)
SCENES = (
    ("One point, anywhere", ":material/counter_1:", {"data": "blobs", "budget": "1", "constraint": "none"}),
    ("Nine points in range", ":material/apps:", {"budget": "9"}),
    ("Near real points", ":material/near_me:", {"data": "three", "constraint": "perturbation"}),
    ("Past the sphere", ":material/shield:", {"data": "blobs", "defence": "sphere", "constraint": "none"}),
    ("Past the trimmed head", ":material/content_cut:", {"data": "moons", "defence": "trim", "budget": "15"}),
)
"""Where to begin: words, icon and link."""
DRAWN_FIRST = "blobs"


def follow_link() -> None:
    """Read the link where it is another than the one that this page has written."""
    state, query = st.session_state, _address.own_part("playground", st.query_params.to_dict())
    if "playground" in state and query == state.playground_link:
        return
    data, problems = _playground.read_data(query)
    try:
        points = _plane.find_plane(data)
    except PoisonLabError as error:  # e.g. what ships is damaged: the planes that are drawn need nothing
        problems.append(str(error))
        data = DRAWN_FIRST
        points = _plane.find_plane(data)
    view, locks, more = _playground.from_query(query, data, len(points.classes), len(points.train_y))
    state.playground_followed = "playground" in state
    begin(view)
    state.playground_locks, state.playground_problems = locks, [*problems, *more]


def begin(view: View) -> None:
    """Show a state from its beginning: the component is mounted again."""
    state = st.session_state
    state.playground = state.playground_start = view
    state.playground_turn = state.get("playground_turn", 0) + 1
    state.playground_problems = []


def choose_data() -> None:
    """Another plane: the rules stay, the poison of the old one has no place there."""
    state = st.session_state
    begin(replace(state.playground, data=state["playground-data"], poison=(), label=0))


def write_link(points: Plane) -> None:
    """Bring the address in step with the state."""
    state = st.session_state
    link = _playground.to_query(state.playground, state.playground_locks, len(points.classes), len(points.train_y))
    state.playground_link = link
    # A link on the page to the page itself reaches the server and leaves the browser's address as it was.
    whole = _address.carrying(link, state.experiment)
    if st.query_params.to_dict() != whole or state.pop("playground_followed", False):
        st.query_params.from_dict(whole)
    _own.write()


def scenes() -> None:
    """Links to states to begin from."""
    st.subheader("To begin with")
    with st.container(horizontal=True):
        for label, icon, query in SCENES:
            st.page_link("playground.py", label=label, icon=icon, query_params=query)


def data_box(locks: Locks) -> None:
    """Which plane."""
    if "data" in locks.hide:
        return
    st.session_state["playground-data"] = st.session_state.playground.data
    st.segmented_control(
        "Data",
        list(TITLES),
        format_func=TITLES.__getitem__,
        key="playground-data",
        required=True,
        disabled="data" in locks.lock,
        on_change=choose_data,
        help="The points in the plane. Clothes are images of the default data, by two principal components.",
    )


@st.fragment
def plane_card(points: Plane) -> None:
    """The plane; drawn alone when the component tells of a change."""
    state = st.session_state
    said = _plane.mount(points, state.playground_start, state.playground_locks, key=f"plane-{state.playground_turn}")
    if said is not None:
        sizes = len(points.classes), len(points.train_y)
        state.playground = _playground.changed(state.playground, said["link"], state.playground_locks, *sizes)
    write_link(points)


st.title("Playground")
st.markdown(INTRODUCTION)
try:
    follow_link()
    for problem in st.session_state.playground_problems:
        st.warning(problem, icon=":material/link_off:")
    shown = _plane.find_plane(st.session_state.playground.data)
    data_box(st.session_state.playground_locks)
    plane_card(shown)
    st.caption(shown.source)
    if st.session_state.playground_locks == Locks():
        scenes()
except PoisonLabError as error:
    st.error(str(error), title="This plane can't be shown", icon=":material/broken_image:")
