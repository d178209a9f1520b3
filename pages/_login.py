"""Login, where the server's `.streamlit/secrets.toml` has a section `[auth]`; without it anyone may enter."""

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitAPIException, StreamlitSecretNotFoundError

from core.system.errors import SettingError
from core.system.settings import is_allowed


def is_required() -> bool:
    """Whether people have to log in.

    Raises:
        SettingError: there are secrets that can't be read, so that nobody knows.
    """
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError as error:
        if any(Path(path).exists() for path in st.get_option("secrets.files")):
            raise SettingError("The server's secrets.toml can't be read: the administrator has to fix it.") from error
        return False


def is_logged_in() -> bool:
    """Whether somebody is, which is asked only where there is a login: Streamlit looks for its secrets each time."""
    return bool(st.session_state.get("has_login", True) and st.user.get("is_logged_in"))


def gate() -> None:
    """Ask for a login where the server requires one; stops the page for those who may not enter."""
    try:
        st.session_state.has_login = is_required()
        if not st.session_state.has_login:
            return
        if st.user.get("is_logged_in"):
            verified = st.user.get("email_verified") is not False
            if is_allowed(str(st.user.get("email") or "") if verified else ""):
                return
    except SettingError as error:
        st.error(str(error), title="The lab is unavailable", icon=":material/lock:")
        st.stop()
    st.title("Poison Lab")
    if st.user.get("is_logged_in"):
        st.error("Your account may not use this lab. Ask its administrator.", icon=":material/lock:")
        st.button("Log out", on_click=st.logout, icon=":material/logout:")
        st.stop()
    st.markdown("This lab is for people who have an account.")
    if st.button("Log in", type="primary", icon=":material/login:"):
        try:
            st.login()
        except StreamlitAPIException as error:  # Authlib is missing, or the section lacks something
            st.error(f"Nobody can log in: {error}", title="The lab is unavailable", icon=":material/lock:")
    st.stop()


def account() -> None:
    """Who is logged in, and a button to log out."""
    if is_logged_in():
        with st.sidebar.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Logged in as {st.user.get('email') or st.user.get('name') or 'someone'}", width="stretch")
            st.button("Log out", key="log-out", on_click=st.logout, icon=":material/logout:")
