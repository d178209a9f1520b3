"""Finished and running experiments as the pages see them: the store, the engine and what the caches hold."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.catalog import choices, uploads
from core.experiments import points
from core.experiments.result import SCORES
from core.presentation import facts as outcome
from core.presentation import figures
from core.presentation.facts import Fact
from core.presentation.lessons import Lesson, load
from core.serving.middleware import PERSON_COOKIE
from core.spec.experiment import ExperimentSpec
from core.storage.gallery import entries
from core.storage.runs import RunRow, Store, StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError
from core.system.paths import GALLERY, results
from pages._words import plain

CACHED_RUNS = 64
LOCAL = "local"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def store() -> Store:
    """The store of this server; another `POISON_LAB_HOME` is another store."""
    return _store(str(results()), str(GALLERY))


def find(spec_hash: str) -> StoredRun | None:
    """The finished run of a spec, if there is a sound one."""
    written = store().written(spec_hash)
    if written is None:
        return None
    try:
        run, known = _run(str(results()), spec_hash)
        if known != written:  # it was run again
            for kept in (
                _run,
                _view,
                map_figure,
                figure,
                amplification,
                strips,
                samples,
                sample,
                walked,
                bases,
                images,
            ):
                kept.clear()
            run, _ = _run(str(results()), spec_hash)
    except StoreError:
        return None
    store().use(spec_hash)  # its files may have been read long ago
    return run


def default_run() -> StoredRun | None:
    """What is on show before anything else: the shipped default experiment, else the newest run."""
    run = find(choices.resolve(ExperimentSpec()).hash)
    if run is None:
        newest = next(iter(listed()), None)
        run = find(newest.hash) if newest else None
    return run


def staged_run() -> StoredRun | None:
    """What the walk shows before anything is chosen: the shipped three stages as published, else `default_run`."""
    published = next((entry for entry in entries() if entry.spec.attack.model_dump().get("stage2") == "gc"), None)
    return (None if published is None else find(published.spec.hash)) or default_run()


@st.cache_resource(show_spinner=False)
def lessons() -> tuple[Lesson, ...]:
    """The lessons that ship.

    Raises:
        LessonError: one of them is damaged.
    """
    return load()


def facts(
    run: StoredRun, beside: StoredRun | None = None, defended: Mapping[str, Any] | None = None
) -> dict[str, Fact]:
    """What a lesson can ask of a run, of one beside it, and of defences on it.

    Raises:
        StoreError: the run's pictures are missing or damaged.
    """
    return outcome.facts(run.result, view(run.hash), None if beside is None else beside.result, defended)


def person() -> str:
    """Who asks: whoever has logged in, else the name that `app.py` gave the browser, or this session's own."""
    if st.user.get("is_logged_in"):
        who = f"{st.user.get('iss')}\n{st.user.get('sub')}"
        return f"login:{hashlib.sha256(who.encode()).hexdigest()}"
    cookie = st.context.cookies.get(PERSON_COOKIE)
    return str(cookie) if cookie else st.session_state.setdefault("person", uuid.uuid4().hex)


def owner() -> str:
    """Whose an upload is: of the person, or of the one at this machine, whose browsers are all hers."""
    name = person()
    return name if name.startswith("login:") else LOCAL if is_local() else f"browser:{name}"


def is_local() -> bool:
    """Whether the browser is on this machine, as far as can be seen: no proxy says that it has passed something on."""
    headers = st.context.headers
    passed_on = any(headers.get(name) for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"))
    asked = {urlsplit(f"//{headers.get('Host') or ''}").hostname, urlsplit(str(headers.get("Origin") or "")).hostname}
    return st.get_option("server.address") in LOOPBACK and not passed_on and asked <= {*LOOPBACK}


def listed(named: Iterable[str] = ()) -> list[RunRow]:
    """The runs that this person may find in a list, newest first.

    Runs on an upload are for its owner, runs on files of the server for the one at this machine; who was told the hash
    of a run may see it, too.

    Args:
        named: hashes that a link names.
    """
    named, me = set(named), owner()
    return [row for row in store().list() if row.hash in named or _may_list(row.data, row.extractor, me)]


def may_list(run: StoredRun) -> bool:
    """Whether a run is in this person's lists."""
    return _may_list(run.spec.data, run.spec.extractor, owner())


def _may_list(data: str, extractor: str, me: str) -> bool:
    if (data.startswith("image-folder:") or "@" in extractor) and me != LOCAL:
        return False
    return all(uploads.is_of(name, me) for name in (data, extractor) if uploads.is_upload(name))


def words(spec: ExperimentSpec) -> str:
    """An experiment in one line of Markdown."""
    return plain(choices.words(spec))


def seconds_words(seconds: float) -> str:
    """A duration as a person says it; estimates are no more exact than this."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def view(spec_hash: str) -> dict[str, Array]:
    """The arrays to draw; shared by everyone, not to be changed.

    Raises:
        StoreError: they are missing or damaged.
    """
    return _view(str(results()), spec_hash)


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(root: str, shipped: str) -> Store:
    return Store(Path(root), Path(shipped))


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def _run(root: str, spec_hash: str) -> tuple[StoredRun, int | None]:
    """A run, and when it was written."""
    written, run = store().written(spec_hash), store().get(spec_hash)
    if run is None:  # an error is not cached, a None would be
        raise StoreError(f"Run {spec_hash} isn't stored.")
    return run, written


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def _view(root: str, spec_hash: str) -> dict[str, Array]:
    return _run(root, spec_hash)[0].view()


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def map_figure(root: str, spec_hash: str, show_stage2: bool) -> object:
    """The map of a run; built once for everyone."""
    classes = _run(root, spec_hash)[0].result["classes"]
    return figures.map_figure(_view(root, spec_hash), classes, show_stage2)


FIGURES: dict[str, Callable[[dict[str, Any]], object]] = {
    "accuracy": lambda result: figures.accuracy_figure(
        {label: result[key] and result[key]["accuracy"] for key, (label, _) in SCORES.items()}
    ),
    "per-class": lambda result: figures.per_class_figure(
        result["clean"]["per_class"], result["poisoned"]["per_class"], result["classes"]
    ),
    "reach": lambda result: figures.reach_figure(result["threshold"]),
    "curve": lambda result: figures.curve_figure(result["curve"]),
}


@st.cache_resource(max_entries=4 * CACHED_RUNS, show_spinner=False)
def figure(root: str, spec_hash: str, name: str) -> object:
    """A figure of `FIGURES` of a run; built once for everyone."""
    return FIGURES[name](_run(root, spec_hash)[0].result)


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def amplification(root: str, spec_hash: str) -> int:
    """By how much the differences of a run's images are amplified."""
    arrays = _view(root, spec_hash)
    return figures.amplification(arrays["base_x"], arrays["poison_x"]) if "poison_x" in arrays else 0


@st.cache_resource(max_entries=4, show_spinner=False)  # each may take a gigabyte
def images(root: str, spec_hash: str) -> Array:
    """The images (n + m, C, H, W) of all points of a run, clean ones first."""
    return points.images(_run(root, spec_hash)[0].spec, _view(root, spec_hash))


@st.cache_data(max_entries=100, show_spinner=False)
def strips(root: str, spec_hash: str, rows: tuple[int, ...]) -> list[bytes]:
    """PNG strips (base, poison, difference) of some poisons."""
    arrays, factor = _view(root, spec_hash), amplification(root, spec_hash)
    poison = arrays.get("poison_x")
    return [figures.strip(arrays["base_x"][row], None if poison is None else poison[row], factor) for row in rows]


@st.cache_data(max_entries=100, show_spinner=False)
def samples(root: str, spec_hash: str, count: int) -> bytes:
    """A PNG row of the first poisoned images of a run."""
    return figures.row_of(_view(root, spec_hash)["poison_x"][:count], figures.STRIP_PIXELS)


@st.cache_data(max_entries=1000, show_spinner=False)
def sample(root: str, spec_hash: str, row: int) -> bytes:
    """A PNG of one poisoned image of a run."""
    return figures.row_of([_view(root, spec_hash)["poison_x"][row]], figures.STRIP_PIXELS, gap=0)


@st.cache_data(max_entries=1000, show_spinner=False)
def walked(root: str, spec_hash: str, row: int) -> list[bytes]:
    """A PNG of each of the first poisons at one step of the walk."""
    return [figures.row_of([image], figures.STRIP_PIXELS, gap=0) for image in _view(root, spec_hash)["walk_x"][row]]


@st.cache_data(max_entries=100, show_spinner=False)
def bases(root: str, spec_hash: str, count: int) -> list[bytes]:
    """A PNG of each of the real images that the first poisons start from."""
    return [figures.row_of([image], figures.STRIP_PIXELS, gap=0) for image in _view(root, spec_hash)["base_x"][:count]]


def exported(spec_hash: str, make: Callable[[StoredRun], bytes]) -> bytes:
    """What a person takes away of a run: computed when it is asked for, not when its button is drawn.

    Raises:
        StoreError: what is needed is missing or damaged.
    """
    return make(_run(str(results()), spec_hash)[0])
