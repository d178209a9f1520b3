"""The frame of every page: navigation, the experiment's controls in the sidebar, what is wrong with them."""

import streamlit as st

SIDEBAR_PIXELS = 330  # the longest names fit

st.set_page_config(
    page_title="Poison Lab",
    page_icon=":material/science:",
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)

from pages import _sidebar  # noqa: E402 (the window's title need not wait for the imports)


def start() -> None:
    """The page at the bare address. Streamlit gives the default page no path of its own, links need one."""


root = st.Page(start, title="Start", default=True, visibility="hidden")
lab = st.Page("lab.py", title="Lab", icon=":material/science:", url_path="lab")
extractors = st.Page("extractors.py", title="Extractors", icon=":material/hub:", url_path="extractors")
lessons = st.Page("lessons.py", title="Lessons", icon=":material/school:", url_path="lessons")
teach = st.Page("teach.py", title="For teachers", icon=":material/co_present:", url_path="teach")
bring = st.Page("bring.py", title="Bring your own", icon=":material/upload:", url_path="bring")

page = st.navigation([root, lab, lessons, extractors, bring, teach])
if page.url_path == "":
    st.switch_page(lab, query_params=st.query_params.to_dict())
st.session_state.spec = _sidebar.experiment(page.url_path)
_sidebar.show_problems()
page.run()
