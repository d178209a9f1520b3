"""What may be chosen of the attacker's knowledge, and why something of it may not. No Streamlit here."""

from collections.abc import Mapping
from typing import Any

from core.attacks.registry import RECORDS as ATTACKS
from core.data.registry import DataInfo
from core.extractors.registry import EXTRACTORS
from core.spec.experiment import ExperimentSpec
from core.system.numbers import counted, rounded
from pages._controls import Choice, Number, Value
from pages._upload_choice import UploadChoice

POINTS, RIDGE, EXTRACTOR = KEYS = ("knows", "expects", "standin")
"""The keys of links; they depend on all others."""
TRAINING, OTHER, SAME = "training", "other", "none"
"""Values in a link: the attacker has the training set, or other points; and the head's own extractor."""
_FACTORS = (1e-3, 1e3)
_MOST_RIDGE = 1e3


def control(key: str, chosen: Mapping[str, Value], data: DataInfo) -> Choice[str] | Number | None:
    """What may be chosen for a key, given all others; None where it does not apply, for which `why_not` has the reason.

    Args:
        key: of `KEYS`.
        chosen: values of the keys before it.
        data: the record of the data.
    """
    if why_not(key, chosen, data):
        return None
    if key == POINTS:
        return Choice({TRAINING: "Training set", OTHER: "Other points" if data.width else "Other images"}, TRAINING)
    if key == RIDGE:
        return Number(_FACTORS[0], min(_FACTORS[1], _MOST_RIDGE / float(chosen["ridge"])), 1.0)
    others = {name: record.title for name, record in EXTRACTORS.items() if name != chosen["extractor"]}
    return UploadChoice({SAME: "The head's own", **others}, SAME)


def why_not(key: str, chosen: Mapping[str, Value], data: DataInfo) -> str:
    """Why a key does not apply, in a sentence; "" where it does. Arguments as for `control`."""
    attack = ATTACKS[str(chosen["attack"])]
    if key == POINTS and 2 * int(chosen["train"]) > data.train_images:
        what = "point" if data.width else "image"
        return (
            f"The attacker has the training set: of {counted(data.train_images, what)}, too few others are left. With "
            f"at most {data.train_images // 2:,} training {what}s, it could have others."
        )
    if key == EXTRACTOR and data.width:
        return "The attacker needs no extractor: the data are feature vectors already."
    if key == EXTRACTOR and not attack.makes_images:
        return (
            f"The attacker has the head's extractor: {attack.title} makes feature vectors, which mean nothing to "
            "another one. With an attack that makes images, it could have a stand-in."
        )
    return ""


def to_fields(values: Mapping[str, Value]) -> dict[str, Any]:
    """The fields of an experiment by values of all keys."""
    fields: dict[str, Any] = {}
    if values.get(POINTS, TRAINING) != TRAINING:
        fields["attacker_data"] = values[POINTS]
    if values.get(RIDGE, 1.0) != 1.0:
        fields["attacker_ridge"] = rounded(float(values["ridge"]) * float(values[RIDGE]))
    if values.get(EXTRACTOR, SAME) != SAME:
        fields["attacker_extractor"] = values[EXTRACTOR]
    return fields


def from_spec(spec: ExperimentSpec) -> dict[str, Value]:
    """The values that say what the attacker of an experiment knows."""
    return {
        POINTS: spec.attacker_data,
        RIDGE: 1.0 if spec.attacker_ridge is None else spec.attacker_ridge / spec.ridge,
        EXTRACTOR: spec.attacker_extractor or SAME,
    }
