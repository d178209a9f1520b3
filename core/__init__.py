"""Poison Lab's engine room: data, extractors, heads, attacks, and the one path that runs them.

    import core

    result = core.run(core.parse_spec({"attack": "tgda-feature", "budget": 0.03}))
    summary = core.load_run("runs/first").summary

Importing this package is cheap: torch is loaded only by what computes.
"""

import os

# Before torch is loaded: threads that wait for each other sleep. Spinning is faster for one run that has the machine to
# itself, and takes almost three times as long where two share the cores (benchmarks/threads.py).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pathlib import Path
from typing import TYPE_CHECKING

from core.attacks.registry import register_shipped as _register_attacks
from core.defences.registry import register_shipped as _register_defences
from core.spec.events import Observer, silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.versions import __version__

if TYPE_CHECKING:
    from core.experiments.result import Result
    from core.storage.runs import StoredRun

__all__ = ["ExperimentSpec", "__version__", "load_run", "parse_spec", "run"]

# Whatever parses a spec knows the attacks and defences that ship: their records are data, nothing is computed here.
_register_defences()
_register_attacks()


def run(spec: ExperimentSpec, on_event: Observer = silent, *, device: str = "auto", with_map: bool = True) -> "Result":
    """Run one experiment to its end; see `core.experiments.run.run`."""
    from core.experiments.run import run as run_spec

    return run_spec(spec, on_event, device=device, with_map=with_map)


def load_run(folder: str | Path) -> "StoredRun":
    """A finished run from its folder; see `core.storage.runs.load`."""
    from core.storage.runs import load

    return load(Path(folder))
