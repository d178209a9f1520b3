"""Paths on disk."""

import os
from pathlib import Path

from platformdirs import user_data_path

ROOT = Path(__file__).resolve().parents[2]
"""The project: a checkout, or the folder that holds an installed copy (see pyproject.toml)."""
APP = ROOT / "app.py"
STREAMLIT_CONFIG = ROOT / ".streamlit" / "config.toml"
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


def is_installed() -> bool:
    """Whether this is an installed package, whose folder an update replaces, rather than a checkout."""
    return not (ROOT / "pyproject.toml").exists()


def home() -> Path:
    """The folder of caches, weights, data and results.

    `POISON_LAB_HOME`; else `.poison_lab` in a checkout, and the user's data folder for an installed copy.
    """
    configured = os.environ.get("POISON_LAB_HOME")
    if configured:
        return Path(configured)
    return user_data_path("poison-lab", appauthor=False) if is_installed() else ROOT / ".poison_lab"


def cache() -> Path:
    """Extracted features, fitted maps and decoders, named by content; may be deleted at any time."""
    return home() / "cache"


def weights() -> Path:
    """Weights files: the user's own, and downloaded ones."""
    return Path(os.environ.get("POISON_LAB_WEIGHTS") or home() / "weights")


def data() -> Path:
    """Data sets: the user's own, and downloaded ones."""
    return Path(os.environ.get("POISON_LAB_DATA") or home() / "data")


def uploads() -> Path:
    """User uploads: images and weights."""
    return home() / "uploads"


def hub() -> Path:
    """Where torch.hub caches weights files, by torch's documentation but without importing torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(os.environ.get("TORCH_HOME") or cache).expanduser() / "hub" / "checkpoints"


def challenges() -> Path:
    """Challenges of classes, one folder each."""
    return home() / "challenges"


def results() -> Path:
    """The store of finished runs."""
    return home() / "results"


def environment(home: Path) -> dict[str, str]:
    """The environment variables for a process with another home folder."""
    return {**os.environ, "POISON_LAB_HOME": str(home)}
