"""What a person asks for: which defences, one after another, with their settings. Free of torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from core.spec.experiment import Frozen, lowered
from core.system.errors import SpecError, unknown

SHARE = 0.05
"""Part of the training set that most defences remove: a defender does not know the attacker's budget."""


class _Ranked(Frozen):
    share: float = Field(SHARE, gt=0, le=0.5, description="Part of each class that is removed, the most suspicious.")


class Range(Frozen):
    """Points of which a coordinate lies far outside of the others' range."""

    name: Literal["range"] = "range"
    tolerance: float = Field(4.0, gt=1, le=100, description="How many times as far outside as the middle point.")


class Sphere(_Ranked):
    """Points far from the centre of their class."""

    name: Literal["sphere"] = "sphere"


class Slab(_Ranked):
    """Points far from the centre of their class along the lines to the other classes' centres."""

    name: Literal["slab"] = "slab"


class SVD(_Ranked):
    """Points that the main directions of their class do not explain."""

    name: Literal["svd"] = "svd"
    rank: int = Field(10, ge=1, le=1000, description="Main directions of each class.")


class KNN(_Ranked):
    """Points whose nearest neighbours have other labels."""

    name: Literal["knn"] = "knn"
    k: int = Field(10, ge=1, le=1000, description="Neighbours that are asked.")


class Loss(_Ranked):
    """Points that the head trained with all of them finds hardest."""

    name: Literal["loss"] = "loss"


class Sever(_Ranked):
    """Points whose gradients stretch those of their class in one direction."""

    name: Literal["sever"] = "sever"
    rounds: int = Field(4, ge=1, le=20, description="Rounds, each with a head trained anew and its part of the share.")


class Trim(Frozen):
    """A head trained on the points that it finds easiest, until these stay the same."""

    name: Literal["trim"] = "trim"
    share: float = Field(SHARE, gt=0, le=0.5, description="Part of the training set that is left out.")


class LabelIssues(Frozen):
    """Labels that heads trained without the point find unlikely, by the library cleanlab."""

    name: Literal["cleanlab"] = "cleanlab"
    folds: int = Field(5, ge=2, le=20, description="Parts of the cross-validation.")


DefenceSpec = Annotated[
    Range | Sphere | Slab | SVD | KNN | Loss | Sever | Trim | LabelIssues, Field(discriminator="name")
]
DEFENCE_SPECS: dict[str, type[Frozen]] = {
    kind.model_fields["name"].default: kind for kind in get_args(get_args(DefenceSpec)[0])
}
_ADAPTER: TypeAdapter[Any] = TypeAdapter(DefenceSpec)


@dataclass(frozen=True)
class About:
    """What a defence is, for a person.

    Attributes:
        title: its name.
        words: what it removes, in one plain sentence.
        source: where it is from.
    """

    title: str
    words: str
    source: str


ABOUT: dict[str, About] = {
    "range": About(
        "Range check", "Removes points with a feature far outside of the range of the others.", "Common practice."
    ),
    "sphere": About(
        "Sphere", "Removes the points farthest from the centre of their class.", "Steinhardt, Koh, Liang 2017."
    ),
    "slab": About(
        "Slab",
        "Removes the points that lean most towards, or away from, another class.",
        "Steinhardt, Koh, Liang 2017; for many classes, ours.",
    ),
    "svd": About(
        "SVD residual",
        "Removes the points that least resemble the main directions of their class.",
        "Koh, Steinhardt, Liang 2018.",
    ),
    "knn": About(
        "Neighbours' labels",
        "Removes the points whose neighbours have other labels.",
        "Paudice, Muñoz-González, Lupu 2018.",
    ),
    "loss": About("Loss", "Removes the points that the trained head finds hardest.", "Koh, Steinhardt, Liang 2018."),
    "sever": About(
        "Sever", "Removes the points that pull the head most in one common direction.", "Diakonikolas et al. 2019."
    ),
    "trim": About(
        "Trimmed head", "Trains on the points that fit together best and leaves the rest out.", "Jagielski et al. 2018."
    ),
    "cleanlab": About(
        "Label issues",
        "Removes the labels that heads trained without the point don't believe.",
        "cleanlab; Northcutt, Jiang, Chuang 2021.",
    ),
}
"""Defences by name, in the order in which several are chained: what trains heads comes last."""


def settings(name: str) -> dict[str, Any]:
    """Each setting of a defence with its default, bounds and meaning, as JSON schema properties."""
    properties: dict[str, Any] = DEFENCE_SPECS[name].model_json_schema()["properties"]
    return {key: value for key, value in properties.items() if key != "name"}


def parse_defence(text: str) -> Any:
    """A defence from text such as `sever` or `sever:share=0.1,rounds=2`.

    Raises:
        SpecError: what was wrong, what is allowed.
    """
    name, _, rest = text.strip().partition(":")
    if name not in DEFENCE_SPECS:
        raise unknown("defence", name, DEFENCE_SPECS)
    values: dict[str, Any] = {"name": name}
    for part in filter(None, rest.split(",")):
        key, sign, value = part.partition("=")
        if not sign:
            raise SpecError(f"Settings of a defence are NAME=VALUE; got {part!r}.")
        values[key.strip()] = value.strip()
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][-1])
        allowed = [key for key in DEFENCE_SPECS[name].model_fields if key != "name"]
        if first["type"] == "extra_forbidden":
            raise SpecError(f"{name} has no setting {where!r}. Allowed: {', '.join(allowed)}.") from error
        raise SpecError(f"{where} of {name} is {first['input']!r}; {lowered(first['msg'])}.") from error


def in_order(chain: Iterable[Any]) -> tuple[Any, ...]:
    """Defences in the order in which they are chained, each once."""
    place = {name: i for i, name in enumerate(ABOUT)}
    by_name = {one.name: one for one in chain}
    return tuple(sorted(by_name.values(), key=lambda one: place[one.name]))


def as_text(defence: Any) -> str:
    """A defence as `parse_defence` reads it; settings at their defaults are left out."""
    changed = defence.model_dump(exclude_defaults=True)
    changed.pop("name", None)
    told = ",".join(f"{key}={value}" for key, value in changed.items())
    return f"{defence.name}:{told}" if told else str(defence.name)
