"""The frame of every page: navigation, the experiment's controls in the sidebar, what is wrong with them."""

import streamlit as st

from core.catalog import plugins
from core.system.errors import PluginError
from core.system.paths import ASSETS

SIDEBAR_PIXELS = 330  # the longest names fit

st.set_page_config(
    page_title="Poison Lab",
    page_icon=str(ASSETS / "icon.png"),  # an icon by name would be fetched from another server
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)

from pages import (  # noqa: E402 (the window's title need not wait for the imports)
    _address,
    _going,
    _login,
    _navigation,
    _own,
    _run_place,
    _sidebar,
    _story,
    _style,
    _teach_locks,
)

st.html(f"{_style.STYLE}<style>{_run_place.STYLE}{_story.STYLE}{_going.STYLE}</style>")
_login.gate()


def load_plugins() -> str:
    """Load the plug-ins of `POISON_LAB_PLUGINS` before a page lists attacks; the error message, or ""."""
    try:
        plugins.load_from_environment()
    except PluginError as error:
        return str(error)
    return ""


broken_plugin = load_plugins()


def start() -> None:
    """The page at the bare address. Streamlit gives the default page no path of its own, links need one."""


teaching: _navigation.Visibility = "hidden" if _teach_locks.has_locks() else "visible"  # students have its links

root = st.Page(start, title="Start", default=True, visibility="hidden")
lab = _navigation.page("lab.py", title="Lab", icon=":material/science:", url_path="lab")
challenge = _navigation.page("challenge.py", title="Challenge", icon=":material/trophy:", url_path="challenge")
projector = _navigation.page("projector.py", title="Projector", url_path="projector", visibility="hidden")
playground = _navigation.page("playground.py", title="Playground", icon=":material/touch_app:", url_path="playground")
gallery = _navigation.page("gallery.py", title="Gallery", icon=":material/collections:", url_path="gallery")
sweep = _navigation.page("sweep.py", title="Sweep", icon=":material/stacked_line_chart:", url_path="sweep")
features = _navigation.page("features.py", title="Features", icon=":material/scatter_plot:", url_path="features")
stages = _navigation.page("stages.py", title="Stages", icon=":material/conversion_path:", url_path="stages")
extractors = _navigation.page("extractors.py", title="Extractors", icon=":material/hub:", url_path="extractors")
compare = _navigation.page("compare.py", title="Compare", icon=":material/compare:", url_path="compare")
defend = _navigation.page("defend.py", title="Defend", icon=":material/shield:", url_path="defend")
audit = _navigation.page("audit.py", title="Audit", icon=":material/fact_check:", url_path="audit")
present = _navigation.page("present.py", title="Present", icon=":material/co_present:", url_path="present")
lessons = _navigation.page("lessons.py", title="Lessons", icon=":material/school:", url_path="lessons")
cast = ":material/cast_for_education:"
teach = _navigation.page("teach.py", title="For teachers", icon=cast, url_path="teach", visibility=teaching)
upload = _navigation.page("bring.py", title="Upload your own data", icon=":material/upload:", url_path="bring")
status = _navigation.page("status.py", title="Status", icon=":material/monitor_heart:", url_path="status")

groups = {  # Streamlit draws those without a name first, each by itself
    "": [root, lab, present],
    "Learn": [lessons, playground, challenge, projector, teach],
    "Explore": [gallery, compare, sweep, stages, features, defend, audit],
    "Set-up": [extractors, upload, status],
}
page = st.navigation(groups, position="top")  # the sidebar is the experiment alone
if page.url_path == "":
    st.switch_page(lab, query_params=st.query_params.to_dict())
if broken_plugin:
    st.error(broken_plugin, title="A plug-in can't be loaded", icon=":material/extension_off:")
box = st.empty()
if page.url_path in _address.WITHOUT_CONTROLS:  # what these show is in their own links, no settings
    if page in (present, projector):
        st.navigation(groups, position="hidden")
    else:
        _login.account()
    _sidebar.view(page.url_path)
    shown_problems = _sidebar.show_problems(box)
    _run_place.show(None)
    try:
        page.run()
    finally:  # also where the page stops early
        _own.write()
        if st.session_state.problems != shown_problems:  # the page has read its own part of the link
            _sidebar.show_problems(box)
else:
    st.session_state.spec = _sidebar.experiment(page.url_path)
    _login.account()
    shown_problems = _sidebar.show_problems(box)
    _run_place.show(st.session_state.spec if page in (lab, lessons) else None)
    page.run()
    _own.write()
    if st.session_state.problems != shown_problems:  # the page has read its own part of the link
        _sidebar.show_problems(box)
