"""Components of the browser, each a folder of `pages/components/` with plain modules of JavaScript."""

from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

from core.system.versions import __version__

FOLDER = Path(__file__).resolve().parent / "components"
PROJECT = "poison-lab"


def component(name: str) -> ComponentRenderer:
    """What mounts a component on a page.

    Args:
        name: of the component and of its folder, with its markup, `style.css` and `main.js`; all folders are served to
            it, as components use modules of one another.
    """
    declare(name)
    return _renderer(name)


def declare(name: str) -> None:
    """Let the Streamlit of this page know a component: it looks for files in installed packages alone."""
    full, manager = f"{PROJECT}.{name}", get_bidi_component_manager()
    if manager.get_component_asset_root(full) is None:
        manager.register_from_manifest(ComponentManifest(PROJECT, __version__, [ComponentConfig(name, ".")]), FOLDER)


@lru_cache  # a page would else read and register it each time that it is drawn
def _renderer(name: str) -> ComponentRenderer:
    return st.components.v2.component(
        f"{PROJECT}.{name}", html=html(name), css=f"{name}/style.css", js=f"{name}/main.js"
    )


def html(name: str) -> str:
    """The markup of a component."""
    return (FOLDER / name / f"{name}.html").read_text(encoding="utf-8")
