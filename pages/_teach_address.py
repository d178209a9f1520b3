"""The address that students can reach: found where it can be, and asked for."""

from urllib.parse import urlsplit

import streamlit as st

from core.serving.address import is_loopback, network_address

HELP = "Links and work sheets on this page use it. Filled in is that of this machine in its network, where it is found."
DOOR_WORDS = (
    "Only this machine reaches the server. Start it by `poison-lab app --address 0.0.0.0`, so that students reach it, "
    "or enter the address of a proxy before it."
)


def base_address() -> str:
    """Ask for the address of the server as students see it, with the best guess filled in; without a last slash."""
    guess = for_others()
    text = st.text_input("Address that students can reach", guess, key="link-address", help=HELP)
    address = text.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host = scheme = ""
    if scheme not in ("http", "https") or not host:
        st.warning(
            "An address begins with http:// or https://, such as http://192.168.0.7:8501.", icon=":material/link_off:"
        )
        return guess
    if is_loopback(host):
        st.warning(DOOR_WORDS, icon=":material/lan:")
    return address


def for_others() -> str:
    """The best guess at the address of the server as students see it; without a last slash."""
    return guessed(st.context.url or "", st.get_option("server.address"))


def guessed(here: str, listens_at: str | None) -> str:
    """The address of the server for others, from that of a page.

    Args:
        here: the page's address in this browser.
        listens_at: the address that the server listens at; None for all of this machine.
    """
    base, parts = here.rstrip("/").rpartition("/")[0], urlsplit(here)
    if not is_loopback(parts.hostname or "") or is_loopback(listens_at or ""):
        return base
    found = network_address()
    return base if found is None else base.replace(parts.netloc, f"{found}:{parts.port}" if parts.port else found, 1)
