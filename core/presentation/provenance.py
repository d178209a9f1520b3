"""The version of Poison Lab that made a stored run, where that matters."""

from core.catalog.choices import resolve
from core.experiments.summary import RunSummary
from core.system.errors import PoisonLabError
from core.system.versions import __version__


def made_by(summary: RunSummary) -> str:
    """A short note on the version that made a run; "" if this version made it and can reproduce it.

    Runs of other versions have a note, and runs whose images are missing or are now read differently.
    """
    version = summary.versions.get("Poison Lab")
    maker = f"made by version {version} of Poison Lab" if version else "made by an unrecorded version of Poison Lab"
    try:
        is_same = resolve(summary.spec).hash == summary.spec_hash
    except PoisonLabError:
        is_same = False
    if not is_same:
        return f"{maker}; it can't be rerun unchanged"
    return "" if version == __version__ else f"{maker}; this is version {__version__}"
