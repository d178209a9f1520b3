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


def declare(name: str, folder: str) -> str:
    """The full name of a component, known to Streamlit: it looks for its files in installed packages alone.

    Args:
        name: of the component.
        folder: of `pages/components/` with its files; several components may share one.
    """
    full, manager = f"{PROJECT}.{name}", get_bidi_component_manager()
    if manager.get_component_asset_root(full) is None:
        manager.register_from_manifest(ComponentManifest(PROJECT, __version__, [ComponentConfig(name, folder)]), FOLDER)
    return full


def component(name: str, folder: str, markup: str, *, css: str, js: str) -> ComponentRenderer:
    """What mounts a component on a page.

    Args:
        name: of the component.
        folder: as of `declare`.
        markup: path of its markup in `pages/components/`.
        css, js: paths of its style and its script in the folder.
    """
    return _renderer(declare(name, folder), markup, css, js)


@lru_cache  # a page would else read and register them each time that it is drawn
def _renderer(full: str, markup: str, css: str, js: str) -> ComponentRenderer:
    return st.components.v2.component(full, html=html(*markup.split("/")), css=css, js=js)


def html(folder: str, file: str) -> str:
    """The markup of a component."""
    return (FOLDER / folder / file).read_text(encoding="utf-8")
