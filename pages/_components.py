"""Components of the browser, each a folder of `pages/components/` with plain modules of JavaScript."""

from pathlib import Path

from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from core.system.versions import __version__

FOLDER = Path(__file__).resolve().parent / "components"
PROJECT = "poison-lab"


def declare(name: str, folder: str) -> str:
    """The full name of a component, known to Streamlit: it looks for its files in installed packages alone.

    Args:
        name: of the component.
        folder: of `pages/components/` with its files; several components may share one.
    """
    full, manager = f"{PROJECT}.{name}", get_bidi_component_manager()
    if manager.get_component_asset_root(full) is None:
        manager.register_from_manifest(ComponentManifest(PROJECT, __version__, [ComponentConfig(name, folder)]), FOLDER)
    return full


def html(folder: str, file: str) -> str:
    """The markup of a component."""
    return (FOLDER / folder / file).read_text(encoding="utf-8")
