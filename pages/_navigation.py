"""The pages as the navigation takes them: Streamlit looks for a page's script on the disk whenever one is made."""

from copy import copy
from functools import cache
from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

Visibility = Literal["visible", "hidden"]


def page(
    script: str, *, title: str, url_path: str, icon: str | None = None, visibility: Visibility = "visible"
) -> StreamlitPage:
    """A page for one run of the frame, since the navigation notes in it that it may be shown.

    Args:
        script: its file in `pages/`.
        title: in the navigation.
        url_path: its path.
        icon: in the navigation.
        visibility: whether the navigation has it.
    """
    return copy(_made(script, title, url_path, icon, visibility))


@cache
def _made(script: str, title: str, url_path: str, icon: str | None, visibility: Visibility) -> StreamlitPage:
    return st.Page(script, title=title, url_path=url_path, icon=icon, visibility=visibility)
