"""Where things lie on disk."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
GALLERY = ASSETS / "gallery"
"""Finished runs that ship with the project, one folder each, read-only."""
MAPS = ASSETS / "maps"
"""Fitted maps that ship with the project, named as in the cache, read-only."""
EXTRACTORS = ASSETS / "extractors"
"""Weights of our own that ship with the project, with their records inside."""
DECODERS = ASSETS / "decoders"
"""Trained decoders that ship with the project, named as in the cache, read-only."""

LESSONS = ASSETS / "lessons"
"""Lessons, one YAML file each, in the order of their names."""


def home() -> Path:
    """The folder of caches, weights, data and results: `POISON_LAB_HOME`, or `.poison_lab` in the project."""
    return Path(os.environ.get("POISON_LAB_HOME") or ROOT / ".poison_lab")


def cache() -> Path:
    """Extracted features and fitted maps, by content; may be deleted at any time."""
    return home() / "cache"


def weights() -> Path:
    """Weights files that a person puts there."""
    return Path(os.environ.get("POISON_LAB_WEIGHTS") or home() / "weights")


def data() -> Path:
    """Data sets that a person puts there, or that are fetched."""
    return Path(os.environ.get("POISON_LAB_DATA") or home() / "data")


def uploads() -> Path:
    """Images and weights that people bring through the app."""
    return home() / "uploads"


def hub() -> Path:
    """Where torch.hub keeps weights files that it has fetched; as torch's documentation has it, without torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(os.environ.get("TORCH_HOME") or cache).expanduser() / "hub" / "checkpoints"


def results() -> Path:
    """The store of finished runs."""
    return home() / "results"


def environment(home: Path) -> dict[str, str]:
    """The environment of a process that keeps its caches and results in another home."""
    return {**os.environ, "POISON_LAB_HOME": str(home)}
