"""A page of the app under Streamlit's own test driver, for the tests of pages that show finished runs."""

import importlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.catalog.choices import resolve
from core.challenge import referee
from core.experiments.result import Result
from core.serving import engine as engine_module
from core.serving.status import JobStatus
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import Store
from core.system.errors import EngineError
from core.system.paths import ROOT
from pages import _runs
from tests.drawn import drawn_result

# For each page that it opens, Streamlit's tester reads the metadata of all installed packages, as a server does once.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)

UNSEEN = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)
SIZES = {"train_size": 100, "test_size": 50, "budget": 0.1}


def _no_engine() -> None:
    raise EngineError("No test of a page starts a cluster.")


class Tasks:
    """An engine that has no runs and does tasks at once, or fails at them, or never ends.

    Attributes:
        asked: the tasks in their order: the function's name and what it is given beside the store and the run; or
            "run", for a run that is computed again.
        of: the runs that they are about, by hash.
        error: what went wrong, for all tasks.
        works: whether tasks end.
        somebody_waits: whether somebody else waits for anything.
        again: the status of a run that is computed again.
    """

    def __init__(self, instead: Mapping[str, Callable[[str], None]] | None = None) -> None:
        """Args:
        instead: what is done in place of a function, by its name; it gets the run's hash.
        """
        self.asked: list[str] = []
        self.of: set[str] = set()
        self.error: str | None = None
        self.works = True
        self.somebody_waits = False
        self.again = JobStatus("running", 0, "stage2", 3, 10, 0.25, 0.0, 5.0, 15.0, [], None)
        self._instead = instead or {}

    def job(self, spec_hash: str) -> None:
        return None

    def was_interrupted(self, spec_hash: str) -> bool:
        return False

    def submit(self, spec: ExperimentSpec, person: str = "", *, again: bool = False) -> "Tasks":
        assert again
        resolve(spec)
        self.asked.append("run")
        return self

    def status(self) -> JobStatus:
        return self.again

    def run_task(self, key: str, function: str, root: str, spec_hash: str, *what: Any) -> "Tasks":
        module, _, name = function.partition(":")
        words = (",".join(part) if isinstance(part, list) else str(part) for part in what)
        self.asked.append(" ".join((name, *words)))
        self.of.add(spec_hash)
        if name in self._instead:
            self._instead[name](spec_hash)
        elif self.works:
            getattr(importlib.import_module(module), name)(root, spec_hash, *what)
        return self


def own_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store that the pages see instead of what ships."""
    monkeypatch.setattr(engine_module, "get_engine", _no_engine)
    monkeypatch.setenv("POISON_LAB_HOME", str(folder))
    monkeypatch.setattr(referee, "start", lambda: None)
    monkeypatch.setattr(_runs, "GALLERY", folder / "no-gallery")
    return Store(folder / "results", shipped=None)


def small(attack: str | dict[str, Any] = "label-flip", **values: Any) -> ExperimentSpec:
    return resolve(parse_spec({**SIZES, "attack": attack, **values}))


def drawn(
    attack: str | dict[str, Any] = "label-flip", clean: float = 0.8, poisoned: float = 0.6, **values: Any
) -> Result:
    return drawn_result(small(attack, **values), clean, poisoned)


def opened(page: str, /, **query: str) -> AppTest:
    """A page as a link opens it."""
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.switch_page(page)
    for key, value in query.items():
        app.query_params[key] = value
    return rerun(app)


def rerun(element: Any) -> AppTest:
    app: AppTest = element.run()
    assert not app.exception
    return app


def unfolded(app: AppTest, *names: str) -> AppTest:
    """The page with folds open that draw what they hold once they are."""
    for name in names:
        app.session_state[f"fold-{name}"] = True
    return rerun(app)


def query(app: AppTest) -> dict[str, str]:
    return {key: value[-1] if isinstance(value, list) else value for key, value in app.query_params.items()}


def shown_text(app: AppTest) -> str:
    """Every sentence on the page, free of HTML, of scripts and styles, and of Markdown's backslashes."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    text = [element.value for kind in kinds for element in app.get(kind)]
    text += [UNSEEN.sub("", element.proto.body) for element in app.get("html")]
    text += [element.proto.text for element in app.get("progress")]
    return re.sub(r"<[^>]+>|\\", "", "\n".join(text))
