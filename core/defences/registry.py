"""The table of defences: names as in `core.defences.spec.DEFENCE_SPECS`, and the classes that judge."""

from typing import Any

from core.defences.base import Defence
from core.defences.fitted import LabelIssuesDefence, LossDefence, SeverDefence, TrimDefence
from core.defences.geometry import RangeDefence, SlabDefence, SphereDefence, SVDDefence
from core.defences.knn import KNNDefence

DEFENCES: dict[str, type[Defence]] = {
    "range": RangeDefence,
    "sphere": SphereDefence,
    "slab": SlabDefence,
    "svd": SVDDefence,
    "knn": KNNDefence,
    "loss": LossDefence,
    "sever": SeverDefence,
    "trim": TrimDefence,
    "cleanlab": LabelIssuesDefence,
}


def build(spec: Any) -> Defence:
    """The defence of a spec."""
    return DEFENCES[spec.name](spec)
