"""Versions of Poison Lab, Python and the libraries that influence results."""

import platform
from importlib import metadata

__version__ = "0.1.0"
"""Of Poison Lab; the package is built with it (see pyproject.toml)."""

PACKAGES = (
    "torch",
    "torchvision",
    "streamlit",
    "plotly",
    "umap-learn",
    "scikit-learn",
    "pillow",
    "distributed",
    "timm",
)


def versions() -> dict[str, str]:
    """Versions of Poison Lab, Python and the installed packages of `PACKAGES`, by name."""
    installed = {"Poison Lab": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # `core.cli.doctor` says so
            continue
    return installed
