"""Which version of Poison Lab made a stored run, where this one might not make it the same."""

from core.catalog.choices import resolve
from core.experiments.summary import RunSummary
from core.system.errors import PoisonLabError
from core.system.versions import __version__


def made_by(summary: RunSummary) -> str:
    """A note of a few words; "" where this version has made the run and would make it again.

    Runs whose images are gone, or are read otherwise by now, and runs of other versions have one.
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
