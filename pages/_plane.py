"""The playground's component: plain modules of JavaScript in `pages/components/playground/`, mounted on a page.

The head is solved in the browser. The server hands over the points once, and is told the state after a change.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from core.presentation import plane
from core.presentation.plane import Plane
from core.spec.experiment import ExperimentSpec
from core.system.versions import __version__
from pages import _runs
from pages._playground import View
from pages._state import Locks

FOLDER = Path(__file__).resolve().parent / "components" / "playground"
PROJECT, NAME = "poison-lab", "playground"


def find_plane(name: str) -> Plane:
    """A plane by its name in links.

    Raises:
        DataError: the plane needs a finished run that is not stored here.
        StoreError: the run is damaged.
    """
    if name in plane.DRAWN:
        return plane.DRAWN[name]()
    run = _runs.default_run()
    return plane.components(None, ExperimentSpec()) if run is None else plane.components(run.plot(), run.spec)


def mount(shown: Plane, view: View, locks: Locks, *, key: str) -> Mapping[str, Any] | None:
    """Draw the playground; what the browser has last said of it, None before anything was changed.

    Args:
        shown: the points.
        view: the state that it begins in; another one needs another key.
        locks: what can't be changed.
        key: of the element.
    """
    _declare()
    component = st.components.v2.component(
        f"{PROJECT}.{NAME}",
        html=(FOLDER / "playground.html").read_text(encoding="utf-8"),
        css="style.css",
        js="main.js",
    )
    data = {
        "plane": shown.as_data(),
        "view": view.as_data(),
        "locks": {"lock": list(locks.lock), "hide": list(locks.hide)},
    }
    result = component(key=key, data=data, on_state_change=lambda: None)
    state = result.get("state")
    return state if isinstance(state, Mapping) else None


def _declare() -> None:
    """Tell Streamlit where the files are: it looks for that in installed packages alone, and a checkout is none."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(f"{PROJECT}.{NAME}") is None:
        config = ComponentConfig(NAME, FOLDER.name)
        manager.register_from_manifest(ComponentManifest(PROJECT, __version__, [config]), FOLDER.parent)
