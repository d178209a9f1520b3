"""The playground's component: plain modules of JavaScript in `pages/components/playground/`, mounted on a page.

The head is solved in the browser. The server hands over the points once, and is told the state after a change.
"""

from collections.abc import Mapping
from typing import Any

from core.presentation import plane
from core.presentation.plane import Plane
from core.spec.experiment import ExperimentSpec
from pages import _components, _runs
from pages._playground import View
from pages._state import Locks

NAME = "playground"
FOLDER = _components.FOLDER / NAME


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
    component = _components.component(NAME)
    data = {
        "plane": shown.as_data(),
        "view": view.as_data(),
        "locks": {"lock": list(locks.lock), "hide": list(locks.hide)},
    }
    result = component(key=key, data=data, on_state_change=lambda: None)
    state = result.get("state")
    return state if isinstance(state, Mapping) else None
