"""What a page shows, given what the session holds and what the address says: one rule for all pages.

A person leaves a page and comes back by the navigation, by a link, by the browser's Back and Forward, by a reload or in
a second tab. `follow` says for each of these ways what is read from the address, and what stays as the session has it.
No Streamlit here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from core.spec.defaults import FIRST
from pages import _progress, _state

Query = Mapping[str, str]

CARRIED = "lab"
"""The key under which a page without controls carries those of the lab, so that a reload there does not lose them."""

VIEWS: dict[str, tuple[str, ...]] = {
    "lab": ("show", "targets"),
    "features": ("run", "map", "left", "right", "colour", "head", "moves", "lasso", "page", "pin"),
    "challenge": ("code", "me", "teacher"),
    "lessons": ("class", "show", "targets"),
    "gallery": ("of", "poisoned", "makes", "effect", "order"),
    "sweep": ("kind", "attacks", "budgets", "extractors", "seeds", "turn", "at"),
    "compare": ("runs", "view", "page", "measure", "head"),
    "defend": ("run", "with", "share", "group", "page", "heads", "bad"),
    "extractors": ("measure",),
    "stages": ("run", "step"),
    "present": ("run", "step"),
    "projector": ("code",),
    "playground": (
        *("data", "poison", "label", "budget", "constraint", "defence", "ridge", "field"),
        *_state.LOCKS,
    ),
}
"""Each page's own keys, by its path."""

YOUNGER: tuple[str, ...] = ("show", "targets", "measure")
"""Own keys that came after the versions of the defaults: alone in an address, they are of today's."""

WITHOUT_CONTROLS: tuple[str, ...] = ("compare", "defend", "stages", "present", "projector", "playground", "status")
"""Pages whose address holds their own keys alone; the sidebar's controls are not drawn there."""


@dataclass(frozen=True)
class Address:
    """What the browser asks for.

    Attributes:
        page: its path.
        query: what the address says.
        is_history: whether the person went Back or Forward in the browser.
    """

    page: str
    query: Query
    is_history: bool = False


@dataclass(frozen=True)
class Held:
    """What the session holds.

    Attributes:
        page: that was shown last.
        link: its query, as it was written last.
        views: the own part of each page's query, by page, as the person left it.
        is_touched: whether the person has just changed a setting, which no address knows yet.
    """

    page: str
    link: Query
    views: Mapping[str, Query] = field(default_factory=dict)
    is_touched: bool = False


@dataclass(frozen=True)
class Shown:
    """What a page shows.

    Attributes:
        experiment: settings, locks and progress to read; None: those that the session holds.
        view: the page's own keys to read; None: those that are on show.
        unknown: keys of the address that mean nothing there.
        is_kept: whether `view` is what the person left there, and not what the address says.
    """

    experiment: Query | None
    view: Query | None
    unknown: tuple[str, ...] = ()
    is_kept: bool = False


def follow(held: Held | None, address: Address) -> Shown:
    """What is shown at an address.

    - A new session (a first visit, a reload, a second tab) follows its address alone.
    - On the same page, an address that this page has not written is one of the browser's history, or a link to the page
      itself: it is followed, unless the person has just changed a control.
    - On another page, an address that says nothing, or only what the page before did, comes from the navigation, and
      means what was left there. Another one is followed; what it does not say of the experiment stays as it is.
    - Browser history is followed literally: nothing said means defaults. Only what a page without controls carries of
      the lab is older than what the session holds, and is passed over.

    Args:
        held: what the session holds; None in a new one.
        address: what the browser asks for.
    """
    page, query = address.page, address.query
    own = own_part(page, query)
    unknown = unknown_keys(page, query)
    if held is None:
        return Shown(carried(query) if page in WITHOUT_CONTROLS else whole_experiment(page, query), own, unknown)
    if page == held.page:
        if query == held.link or held.is_touched:
            return Shown(None, None)
        return Shown(None if page in WITHOUT_CONTROLS else whole_experiment(page, query), own, unknown)
    said = {} if page in WITHOUT_CONTROLS else experiment_part(page, query)
    is_silent = not address.is_history and (query == held.link or not (own or said))
    if page in WITHOUT_CONTROLS or is_silent:
        return Shown(None, held.views.get(page, {}) if is_silent else own, unknown, is_silent)
    is_read = not held.is_touched and (address.is_history or bool(said))
    return Shown(whole_experiment(page, query) if is_read else None, own)


def own_part(page: str, query: Query) -> dict[str, str]:
    """What a query says of a page's own keys."""
    return {key: query[key] for key in VIEWS.get(page, ()) if key in query}


def experiment_part(page: str, query: Query) -> dict[str, str]:
    """What the query of a page with controls says beside the page's own keys, known or not."""
    return {key: text for key, text in query.items() if key not in VIEWS.get(page, ())}


def whole_experiment(page: str, query: Query) -> dict[str, str]:
    """The same, with the version of the defaults that a link means which names a view of its page and no setting."""
    said = experiment_part(page, query)
    is_old = any(key not in YOUNGER for key in own_part(page, query))
    return said or ({_state.VERSION: str(FIRST)} if is_old else {})


def unknown_keys(page: str, query: Query) -> tuple[str, ...]:
    """The keys that mean nothing to a page without controls; what others don't know, the reader of settings says."""
    if page not in WITHOUT_CONTROLS:
        return ()
    return tuple(key for key in query if key not in (*VIEWS.get(page, ()), CARRIED))


def carried(query: Query) -> dict[str, str]:
    """The lab's query that a page without controls carries; nothing where it is no such thing."""
    known = {*_state.all_keys(), *_state.LOCKS, _state.VERSION, *_progress.KEYS}
    return {key: text for key, text in parse_qsl(query.get(CARRIED, "")) if key in known}


def carrying(own: Query, experiment: Query) -> dict[str, str]:
    """The query of a page without controls: its own, and the lab's where that says anything."""
    return {**own, **({CARRIED: urlencode(experiment)} if experiment else {})}
