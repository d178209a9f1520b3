"""What the attacker of an audit may not know, and how an experiment says so."""

from typing import Any

from core.catalog.choices import title
from core.catalog.lookup import data_info, extractor_info
from core.extractors.registry import EXTRACTORS, ExtractorInfo, present
from core.spec.experiment import ExperimentSpec
from core.system.errors import SpecError

POINTS, RIDGE, EXTRACTOR = "points", "ridge", "extractor"
NAMES = {POINTS: "training set", RIDGE: "λ", EXTRACTOR: "extractor"}
"""What an attacker may not know, for people."""
FIELDS = ("attacker_data", "attacker_ridge", "attacker_extractor")
"""The fields of a spec that hold the attacker's knowledge."""
FACTOR = 10.0
"""By how much the attacker misjudges λ."""
_MOST_RIDGE = 1e3


def applicable(base: ExperimentSpec, *, makes_images: bool) -> list[str]:
    """What an attacker of a pipeline may not know.

    Args:
        base: see `core.audit.plan.make_plan`.
        makes_images: whether its attack makes images, which another extractor can see, too.
    """
    data = data_info(base.data)
    limits = [POINTS] if 2 * base.train_size <= data.train_images else []
    limits.append(RIDGE)
    if makes_images and not data.width and stand_in(base) is not None:
        limits.append(EXTRACTOR)
    return limits


def changes(base: ExperimentSpec, limit: str) -> dict[str, Any]:
    """The fields of an experiment whose attacker does not know something; none for "".

    Args:
        base: see `core.audit.plan.make_plan`.
        limit: of `applicable`, or "".

    Raises:
        SpecError: it is unknown, or there is no stand-in for the extractor here.
    """
    match limit:
        case "":
            return {}
        case "points":
            return {"attacker_data": "other"}
        case "ridge":
            larger = FACTOR * base.ridge
            return {"attacker_ridge": larger if larger <= _MOST_RIDGE else base.ridge / FACTOR}
        case "extractor" if (other := stand_in(base)) is not None:
            return {"attacker_extractor": other.name}
    raise SpecError(
        f"An attacker that does not know {limit!r} can't be had here. Known: {POINTS}, {RIDGE}, {EXTRACTOR}."
    )


def words(base: ExperimentSpec, limit: str) -> str:
    """What the attacker has in place of what it does not know, for people; arguments as for `changes`."""
    found = changes(base, limit)
    if limit == POINTS:
        return "other points of the same data"
    if limit == RIDGE:
        return f"λ = {found['attacker_ridge']:g} instead of {base.ridge:g}"
    return f"{title(extractor_info, found['attacker_extractor'])} instead of the extractor"


def stand_in(base: ExperimentSpec) -> ExtractorInfo | None:
    """The fastest pretrained extractor that is here and is not the defender's; None where there is none."""
    others = [
        record
        for record in EXTRACTORS.values()
        if record.name != base.extractor and record.pretrained_on and record.library == "own" and present(record)
    ]
    return min(others, key=lambda record: record.macs_at(record.input_sizes[0]), default=None)
