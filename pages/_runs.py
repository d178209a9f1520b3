"""Finished and running experiments as the pages see them: the store, the engine and what the caches hold."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import catalog, outcome
from core.data.registry import DataInfo
from core.data.registry import info as data_info
from core.errors import PoisonLabError, StoreError
from core.extractors.registry import ExtractorInfo
from core.extractors.registry import info as extractor_info
from core.lessons import Lesson, load
from core.outcome import Fact
from core.paths import GALLERY, results
from core.spec import ATTACK_SPECS, ExperimentSpec
from core.store import Store, StoredRun
from pages import _figures
from pages._figures import Array, plain

PERSON_COOKIE = "poison_lab_person"
CACHED_RUNS = 24


def store() -> Store:
    """The store of this server; another `POISON_LAB_HOME` is another store."""
    return _store(str(results()), str(GALLERY))


def find(spec_hash: str) -> StoredRun | None:
    """The finished run of a spec, if there is a sound one."""
    if spec_hash not in store():
        return None
    try:
        return _run(str(results()), spec_hash)
    except StoreError:
        return None


def default_run() -> StoredRun | None:
    """What is on show before anything else: the shipped default experiment, else the newest run."""
    run = find(catalog.resolve(ExperimentSpec()).hash)
    if run is None:
        newest = store().list(limit=1)
        run = find(newest[0].hash) if newest else None
    return run


@st.cache_resource(show_spinner=False)
def lessons() -> tuple[Lesson, ...]:
    """The lessons that ship.

    Raises:
        LessonError: one of them is damaged.
    """
    return load()


def facts(run: StoredRun, beside: StoredRun | None = None) -> dict[str, Fact]:
    """What a lesson can ask of a run.

    Raises:
        StoreError: the run's pictures are missing or damaged.
    """
    return outcome.facts(run.result, view(run.hash), None if beside is None else beside.result)


def person() -> str:
    """Who asks: the name that `app.py` gave the browser, or this session's own."""
    cookie = st.context.cookies.get(PERSON_COOKIE)
    return cookie or st.session_state.setdefault("person", uuid.uuid4().hex)


def words(spec: ExperimentSpec) -> str:
    """An experiment in one line."""
    data = _title(data_info, spec.data)
    if spec.train_domain is not None:
        same = spec.train_domain == spec.test_domain
        data += f" ({spec.train_domain})" if same else f" ({spec.train_domain} → {spec.test_domain})"
    constraint = {
        "none": "no constraint",
        "valid": "valid values only",
        "perturbation": f"at most {round(255 * spec.delta)}/255 per pixel",
    }[spec.constraint]
    parts = (
        data,
        f"{_title(extractor_info, spec.extractor)} at {spec.input_size} px",
        catalog.ATTACK_TITLES[spec.attack.name],
        f"budget {100 * spec.budget:g} % ({spec.n_poison:,} poisoned, {spec.train_size:,} clean)",
        constraint,
        f"{spec.label_rule} labels",
        f"seed {spec.seed}",
    )
    return " · ".join(parts)


def _title(info: Callable[[str], DataInfo | ExtractorInfo], name: str) -> str:
    """What a person calls it; the bare name of an upload or a file that is gone."""
    try:
        return plain(info(name).title)
    except PoisonLabError:
        return plain(name)


def command(spec: ExperimentSpec) -> str:
    """The command line that runs exactly this experiment; defaults are left out."""
    default = ExperimentSpec()
    words = ["python -m core run", f"--out runs/{spec.hash}"]
    for name in ExperimentSpec.model_fields:
        value = getattr(spec, name)
        if name == "attack":
            parameters = spec.attack.model_dump(exclude={"name"})
            usual = ATTACK_SPECS[spec.attack.name]().model_dump()
            words.append(f"--attack {spec.attack.name}")
            words += [f"--set {key}={given}" for key, given in parameters.items() if given != usual[key]]
        elif value is not None and value != getattr(default, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(words)


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
def _run(root: str, spec_hash: str) -> StoredRun:
    run = store().get(spec_hash)
    if run is None:  # an error is not cached, a None would be
        raise StoreError(f"Run {spec_hash} isn't stored.")
    return run


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def _view(root: str, spec_hash: str) -> dict[str, Array]:
    return _run(root, spec_hash).view()


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def map_figure(root: str, spec_hash: str, show_stage2: bool) -> object:
    """The map of a run; built once for everyone."""
    classes = _run(root, spec_hash).result["classes"]
    return _figures.map_figure(_view(root, spec_hash), classes, show_stage2)


@st.cache_resource(max_entries=CACHED_RUNS, show_spinner=False)
def amplification(root: str, spec_hash: str) -> int:
    """By how much the differences of a run's images are amplified."""
    arrays = _view(root, spec_hash)
    return _figures.amplification(arrays["base_x"], arrays["poison_x"]) if "poison_x" in arrays else 0


@st.cache_data(max_entries=100, show_spinner=False)
def strips(root: str, spec_hash: str, rows: tuple[int, ...]) -> list[bytes]:
    """PNG strips (base, poison, difference) of some poisons."""
    arrays, factor = _view(root, spec_hash), amplification(root, spec_hash)
    poison = arrays.get("poison_x")
    return [_figures.strip(arrays["base_x"][row], None if poison is None else poison[row], factor) for row in rows]


def images_zip(spec_hash: str) -> bytes:
    """The poison as PNG files with labels.csv, in one archive."""
    run = _run(str(results()), spec_hash)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in [*run.images(), run.folder / "poison" / "labels.csv"]:
            archive.writestr(f"poison-{spec_hash}/{path.name}", run.file(f"poison/{path.name}"))
    return buffer.getvalue()


def file_bytes(spec_hash: str, name: str) -> bytes:
    """One file of a run as it lies in the store."""
    return _run(str(results()), spec_hash).file(name)


def spec_json(spec: ExperimentSpec) -> str:
    """The experiment as a file."""
    return json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
