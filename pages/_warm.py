"""Warm-up of a server: the modules of pages, and the caches of the run that is shown first."""

import importlib
from pathlib import Path

from core.attacks.registry import RECORDS
from core.spec.models import parameters
from core.system.errors import PoisonLabError
from core.system.paths import results
from pages import _runs

MODULES = (
    *(
        "core.evidence.settings",
        "core.catalog.differences",
        "core.experiments.points",
        "core.evidence.quality",
        "core.storage.gallery",
        "core.experiments.sweep",
    ),
    *("core.presentation.story", "core.storage.uploads", "plotly.io", "pyarrow.pandas_compat"),
)
"""What pages import themselves; the rest comes with their helpers."""


def warm() -> None:
    """Import what pages import, and fill the caches for what they show first."""
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        importlib.import_module(f"pages.{path.stem}")
    for name in MODULES:
        importlib.import_module(name)
    for record in RECORDS.values():
        parameters(record.settings)
    try:
        _runs.lessons()
        _runs.store().list()
        run = _runs.default_run()
        if run is None:
            return
        root = str(results())
        _runs.scene(root, run.hash, False)
        _runs.amplification(root, run.hash)
        for name in _runs.FIGURES:
            if name != "reach" or run.summary.threshold:
                _runs.figure(root, run.hash, name)
    except PoisonLabError:
        pass  # the page that needs it says what is wrong
