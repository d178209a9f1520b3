"""Plug-ins for tests: the two examples, and loading them for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.catalog import plugins
from core.system.paths import ROOT

BLEND = ROOT / "examples" / "blend_attack.py"
NORM = ROOT / "examples" / "norm_defence.py"


@contextmanager
def loaded(*paths: Path) -> Iterator[None]:
    """Some plug-ins are loaded inside; whatever is loaded there is taken back at its end."""
    before = plugins.loaded().keys()
    try:
        plugins.load_plugins(paths)
        yield
    finally:
        for path in plugins.loaded().keys() - before:
            plugins.unload(path)
