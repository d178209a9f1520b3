"""Finished and running experiments as the pages see them: the store, the engine and what the caches hold."""

import hashlib
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from core.catalog import choices, uploads
from core.defences.verdict import DefenceVerdict
from core.experiments import points
from core.experiments.plot_data import PlotData
from core.experiments.summary import SCORES, RunSummary
from core.presentation import facts as outcome
from core.presentation import figures, image_cards
from core.presentation.export import require_plot
from core.presentation.facts import Fact
from core.presentation.figures.sheets import ImageSheet, image_sheet
from core.presentation.lessons import Lesson, load
from core.presentation.maps.scene import run_scene
from core.serving.middleware import PERSON_COOKIE
from core.spec.experiment import ExperimentSpec
from core.storage.gallery import entries
from core.storage.runs import RunRow, Store, StoredRun
from core.system.arrays import Array
from core.system.errors import StoreError
from core.system.paths import GALLERY, results
from core.system.shared import shared
from pages import _login
from pages._words import plain

# What pages ask for dozens of times is kept by `shared`: Streamlit's own caches take ten times as long to look it up.
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
            for cache in (
                _run,
                _plot,
                scene,
                figure,
                amplification,
                pair_sheet,
                test_sheet,
                samples,
                sample,
                step_images,
                bases,
                images,
            ):
                cache.clear()
            run, _ = _run(str(results()), spec_hash)
    except StoreError:
        return None
    if not run.shipped:
        store().use(spec_hash)  # its files may have been read long ago
    return run


def default_run() -> StoredRun | None:
    """The run that pages show first: the shipped default experiment, else the newest run."""
    run = find(choices.resolve(ExperimentSpec()).hash)
    if run is None:
        newest = next(iter(listed()), None)
        run = find(newest.hash) if newest else None
    return run


def staged_run() -> StoredRun | None:
    """The run that the page Stages shows first: the shipped three stages as published, else `default_run`."""
    published = next((entry for entry in entries() if entry.spec.attack.model_dump().get("stage2") == "gc"), None)
    return (None if published is None else find(published.spec.hash)) or default_run()


@st.cache_resource(show_spinner=False)
def lessons() -> tuple[Lesson, ...]:
    """The lessons that ship.

    Raises:
        LessonError: one of them is damaged.
    """
    return load()


def facts(run: StoredRun, beside: StoredRun | None = None, verdict: DefenceVerdict | None = None) -> dict[str, Fact]:
    """The facts of a run, of one compared with it, and of defences on it, for lessons.

    Raises:
        StoreError: the run's plot data are missing or damaged.
    """
    return outcome.facts(run.summary, plot(run.hash), None if beside is None else beside.summary, verdict)


def person() -> str:
    """Who makes a request: the login, else the cookie of `app.py`, else a name for this session."""
    if _login.is_logged_in():
        who = f"{st.user.get('iss')}\n{st.user.get('sub')}"
        return f"login:{hashlib.sha256(who.encode()).hexdigest()}"
    cookie = st.context.cookies.get(PERSON_COOKIE)
    return str(cookie) if cookie else st.session_state.setdefault("person", uuid.uuid4().hex)


def owner() -> str:
    """The owner of an upload: the person, or `LOCAL`, who is the same in every browser on this machine."""
    name = person()
    return name if name.startswith("login:") else LOCAL if is_local() else f"browser:{name}"


def is_local() -> bool:
    """Whether the browser is on this machine, as far as can be seen: no proxy has marked the request as forwarded."""
    headers = st.context.headers
    is_forwarded = any(headers.get(name) for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"))
    hosts = {urlsplit(f"//{headers.get('Host') or ''}").hostname, urlsplit(str(headers.get("Origin") or "")).hostname}
    return st.get_option("server.address") in LOOPBACK and not is_forwarded and hosts <= {*LOOPBACK}


def listed(named: Iterable[str] = ()) -> list[RunRow]:
    """The runs that this person may find in a list, newest first.

    Runs on an upload are for its owner, runs on files of the server for the one at this machine; anyone who
    knows the hash of a run may see it, too.

    Args:
        named: hashes that a link names.
    """
    named, me = set(named), owner()
    return [row for row in store().list() if row.hash in named or _may_list(row.data, row.extractor, me)]


def may_list(run: StoredRun) -> bool:
    """Whether a run is in this person's lists."""
    return may_see(run.spec)


def may_see(spec: ExperimentSpec) -> bool:
    """Whether what was computed of an experiment's data and extractor is in this person's lists."""
    return _may_list(spec.data, spec.extractor, owner())


def _may_list(data: str, extractor: str, me: str) -> bool:
    if (data.startswith(("image-folder:", "features:")) or "@" in extractor) and me != LOCAL:
        return False
    return all(uploads.belongs_to(name, me) for name in (data, extractor) if uploads.is_upload(name))


def words(spec: ExperimentSpec) -> str:
    """An experiment in one line of Markdown."""
    return plain(choices.one_line(spec))


def plot(spec_hash: str) -> PlotData:
    """The plot data of a run; shared by all sessions, not to be changed.

    Raises:
        StoreError: it is missing or damaged, or the run was made without a map.
    """
    return _plot(str(results()), spec_hash)


@shared(4)
def _store(root: str, shipped: str) -> Store:
    return Store(Path(root), Path(shipped))


@shared(CACHED_RUNS)
def _run(root: str, spec_hash: str) -> tuple[StoredRun, int | None]:
    """A run, and when it was written."""
    written, run = store().written(spec_hash), store().get(spec_hash)
    if run is None:  # an error is not cached, a None would be
        raise StoreError(f"Run {spec_hash} isn't stored.")
    return run, written


@shared(CACHED_RUNS)
def _plot(root: str, spec_hash: str) -> PlotData:
    return require_plot(_run(root, spec_hash)[0])


@shared(CACHED_RUNS)
def scene(root: str, spec_hash: str, shows_targets: bool) -> dict[str, object]:
    """The map of a run, as the browser gets it; built once for everyone."""
    classes = _run(root, spec_hash)[0].summary.classes
    return run_scene(_plot(root, spec_hash), classes, run=spec_hash, shows_targets=shows_targets).as_data()


def _accuracy_figure(summary: RunSummary) -> object:
    return figures.accuracy_figure({SCORES[key][0]: share for key, share in summary.accuracies().items()})


FIGURES: dict[str, Callable[[RunSummary], object]] = {
    "accuracy": _accuracy_figure,
    "before-after": figures.before_after_figure,
    "per-class": figures.per_class_figure,
    "reach": lambda summary: None if summary.threshold is None else figures.reach_figure(summary.threshold),
    "curve": lambda summary: figures.curve_figure(summary.curve),
}


@shared(4 * CACHED_RUNS)
def figure(root: str, spec_hash: str, name: str) -> object:
    """A figure of `FIGURES` of a run; built once for everyone."""
    return FIGURES[name](_run(root, spec_hash)[0].summary)


@shared(CACHED_RUNS)
def amplification(root: str, spec_hash: str) -> int:
    """By how much the differences of a run's images are amplified."""
    plot = _plot(root, spec_hash)
    return 0 if plot.poison_x is None else figures.amplification(plot.base_x, plot.poison_x)


@st.cache_resource(max_entries=4, show_spinner=False)  # each may take a gigabyte
def images(root: str, spec_hash: str) -> points.PointImages:
    """The images of all points of a run, clean ones first."""
    return points.images(_run(root, spec_hash)[0].spec, _plot(root, spec_hash))


@shared(50)
def pair_sheet(root: str, spec_hash: str, rows: tuple[int, ...]) -> ImageSheet:
    """Base and poisoned image of some poisoned samples, in full resolution."""
    return image_cards.pair_sheet(_plot(root, spec_hash), rows)


@shared(50)
def test_sheet(root: str, spec_hash: str, rows: tuple[int, ...]) -> ImageSheet:
    """Some test images of a run, in full resolution.

    Raises:
        DataError: its data can't be read any more.
    """
    return image_sheet([[image] for image in points.tested_images(_run(root, spec_hash)[0].spec, rows)])


@shared(100)
def samples(root: str, spec_hash: str, count: int) -> bytes:
    """A PNG row of the first poisoned images of a run."""
    return figures.image_row(_made(_plot(root, spec_hash).poison_x)[:count], figures.STRIP_PIXELS)


@shared(1000)
def sample(root: str, spec_hash: str, row: int) -> bytes:
    """A PNG of one poisoned image of a run."""
    return figures.image_row([_made(_plot(root, spec_hash).poison_x)[row]], figures.STRIP_PIXELS, gap=0)


@st.cache_data(max_entries=1000, show_spinner=False)
def step_images(root: str, spec_hash: str, row: int) -> list[bytes]:
    """A PNG of each of the first poisoned images at one step of the trajectory."""
    return [
        figures.image_row([image], figures.STRIP_PIXELS, gap=0) for image in _made(_plot(root, spec_hash).walk_x)[row]
    ]


def _made(images: Array | None) -> Array:
    """Images that the run has made.

    Raises:
        StoreError: its attack makes none.
    """
    if images is None:
        raise StoreError("The attack of this run makes no images.")
    return images


@st.cache_data(max_entries=100, show_spinner=False)
def bases(root: str, spec_hash: str, count: int) -> list[bytes]:
    """A PNG of each of the base images of the first poisoned samples."""
    return [figures.image_row([image], figures.STRIP_PIXELS, gap=0) for image in _plot(root, spec_hash).base_x[:count]]


def exported(spec_hash: str, make: Callable[[StoredRun], bytes]) -> bytes:
    """An export of a run: made when its button is pressed, not when it is drawn.

    Raises:
        StoreError: what is needed is missing or damaged.
    """
    return make(_run(str(results()), spec_hash)[0])
