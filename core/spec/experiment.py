"""What a person asks for: one frozen, hashable description of an experiment.

The spec is the edge of the engine room: the command line, the app's URL and the JSON of a stored run are
all parsed here, by `parse_spec`, into the same `ExperimentSpec`. Names of data sets and extractors are
checked against their registries in `core.catalog.choices`, which also fills in what depends on them.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.system.errors import SpecError, unknown

SPEC_VERSION = 3
"""Part of every hash: raise it when the same spec would give another result."""

Constraint = Literal["none", "valid", "perturbation"]
LabelRule = Literal["clean", "random", "adversarial"]
Evade = Literal["sphere", "slab", "svd", "loss"]
"""Defences that an attack can be made to pass, by the names of `core.defences.spec`."""

CONSTRAINTS: dict[str, str] = {
    "none": "Nothing is checked: pixels and features are free.",
    "valid": "Pixels stay in [0, 1]; an attack that makes feature vectors keeps each coordinate within its range "
    "on the clean training set.",
    "perturbation": "Valid, and no pixel moves more than δ from its base image.",
}
LABEL_RULES: dict[str, str] = {
    "clean": "The poison keeps the label of its base image.",
    "random": "A wrong label, drawn uniformly.",
    "adversarial": "The label that the clean head finds least likely for the base image.",
}


class Frozen(BaseModel):
    """What a person asks for: never changed, nothing unknown in it, all numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LabelFlip(Frozen):
    """Copies of training images under a label given by the label rule: the baseline."""

    name: Literal["label-flip"] = "label-flip"


class Noise(Frozen):
    """Random pixels under the labels of the label rule: the control."""

    name: Literal["noise"] = "noise"


RADII = (1.0, 3.0, 10.0)
"""Radii that the search for a target tries, around a head whose features have norm about 3."""


class _Target(Frozen):
    target: Literal["gradpc", "search"] = Field("search", description="GradPC at one radius, or a search over radii.")
    radius: float = Field(3.0, gt=0, le=1000, description="GradPC's radius r around the clean head.")


class _Pixels(Frozen):
    steps: int = Field(60, ge=1, le=5_000, description="Steps on the pixels, for each target where there are several.")
    lr: float = Field(0.03, gt=0, le=10, description="Adam's step, of pixels in [0, 1].")


class TGDAInput(_Pixels):
    """Total gradient ascent on the pixels, through the extractor and the converged head."""

    name: Literal["tgda-input"] = "tgda-input"


class GCInput(_Pixels, _Target):
    """Gradient Canceling on the pixels, towards GradPC target parameters."""

    name: Literal["gc-input"] = "gc-input"


class UEInput(Frozen):
    """Unlearnable examples: images that the head finds easy, by error-minimising noise."""

    name: Literal["ue-input"] = "ue-input"
    steps: int = Field(20, ge=1, le=1_000, description="Sign steps of 0.8/255, in turn with the head's optimum.")


class TGDAFeature(Frozen):
    """Total gradient ascent on free feature vectors, by implicit differentiation of the head."""

    name: Literal["tgda-feature"] = "tgda-feature"
    steps: int = Field(40, ge=1, le=5_000, description="Outer steps; the head is solved again at each.")
    lr: float = Field(0.3, gt=0, le=10, description="Adam's step, where a feature vector has norm about 3.")


class GCFeature(_Target):
    """Gradient Canceling on free feature vectors, towards GradPC target parameters."""

    name: Literal["gc-feature"] = "gc-feature"
    steps: int = Field(500, ge=1, le=20_000, description="Most optimisation steps of Gradient Canceling.")


class Stage2(_Target):
    """What feature-targeted attacks share: how poisoned features are found."""

    stage2: Literal["gc", "tgda"] = Field("tgda", description="How poisoned features are found.")
    steps: int = Field(40, ge=1, le=20_000, description="Steps of stage 2.")
    lr: float = Field(0.3, gt=0, le=10, description="Stage 2's Adam step; only for stage2 = tgda.")


class Inversion(Stage2):
    """What feature-targeted attacks that make images of their own share.

    `finish_steps` > 0 goes on after the inversion, on the pixels, by the head's implicit gradient (ours);
    0 is the paper's stage 3.
    """

    bases: Literal["influence", "sample"] = Field(
        "influence", description="Base points that hurt most as they are (ours), or a random sample."
    )
    finish_steps: int = Field(60, ge=0, le=2_000, description="Steps on the pixels by the head's gradient.")


class FTMatching(Inversion):
    """Feature-targeted attack: poisoned features, then images whose features match them."""

    name: Literal["ft-matching"] = "ft-matching"
    match_steps: int = Field(30, ge=0, le=5_000, description="Adam steps of feature matching on the pixels.")
    restarts: int = Field(1, ge=1, le=20, description="Real images from which each match is tried, nearest first.")
    beta: float = Field(1e-3, ge=0, le=1000, description="Weight of the distance to the base image.")


class FTDecoder(Inversion):
    """Feature-targeted attack: poisoned features, then the images that a trained decoder makes of them."""

    name: Literal["ft-decoder"] = "ft-decoder"
    finish_steps: int = Field(0, ge=0, le=2_000, description="Steps on the pixels by the head's gradient.")


class FTDonor(Stage2):
    """Feature-targeted attack whose images are the real ones nearest to the poisoned features."""

    name: Literal["ft-donor"] = "ft-donor"


AttackSpec = Annotated[
    LabelFlip | Noise | TGDAInput | GCInput | UEInput | TGDAFeature | GCFeature | FTMatching | FTDecoder | FTDonor,
    Field(discriminator="name"),
]

ATTACK_SPECS: dict[str, type[Frozen]] = {
    kind.model_fields["name"].default: kind for kind in get_args(get_args(AttackSpec)[0])
}


class ExperimentSpec(Frozen):
    """One experiment, whole: the same spec on the same machine gives the same result.

    Attributes that are `None` are filled in by `core.catalog.choices.resolve` from the registries' records.
    """

    data: str = Field("fashion-mnist", description="Data set, see `list`, or image-folder:PATH.")
    train_domain: str | None = Field(None, description="Domain of the training images, for data that has domains.")
    test_domain: str | None = Field(None, description="Domain of the test images, for data that has domains.")
    extractor: str = Field("resnet10-small-fashion-mnist", description="Extractor, see `list`, or LIBRARY:ARCH@FILE.")
    input_size: int | None = Field(None, ge=8, le=1024, description="Side in pixels at which the extractor sees.")
    attack: AttackSpec = Field(FTMatching(), description="Attack, see `list`.")
    budget: float = Field(0.03, gt=0, le=1, description="ε_d: poisoned points per clean training point.")
    constraint: Constraint = Field("valid", description="What limits the poisoned points.")
    delta: float = Field(8 / 255, gt=0, le=1, description="δ of the perturbation constraint, in [0, 1] pixels.")
    label_rule: LabelRule = Field("adversarial", description="Labels of the poisoned points.")
    # Left out wherever a spec is written as long as it is None: experiments from before there was such a choice keep
    # their hashes, by which results are stored and shipped.
    evade: Evade | None = Field(
        None, description="Defence that the poison is made to pass.", exclude_if=lambda value: value is None
    )
    train_size: int = Field(2000, ge=20, le=10_000_000, description="Clean training images.")
    test_size: int = Field(1000, ge=10, le=10_000_000, description="Test images.")
    ridge: float = Field(1e-3, gt=0, le=1e3, description="λ of the head's objective.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of everything random.")

    @model_validator(mode="before")
    @classmethod
    def _attack_by_name(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("attack"), str):
            return {**values, "attack": {"name": values["attack"]}}
        return values

    @property
    def n_poison(self) -> int:
        """m = round(ε_d n), at least 1."""
        return max(1, round(self.budget * self.train_size))

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; what the hash is taken of."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that name this experiment in the store and in the app's URL."""
        return hashlib.sha256(f"{SPEC_VERSION}:{self.to_json()}".encode()).hexdigest()[:16]


def parse_spec(values: Mapping[str, Any], *, stored: bool = False) -> ExperimentSpec:
    """Parse untrusted values.

    Args:
        stored: they are those of a finished run, which is read although a plug-in that made it is not here.

    Raises:
        SpecError: one sentence that names the field, what it got and what is allowed.
    """
    attack = values.get("attack", {})
    name = attack.get("name") if isinstance(attack, Mapping) else attack
    if name is not None and (not isinstance(name, str) or name not in ATTACK_SPECS):
        raise unknown("attack", str(name), ATTACK_SPECS)
    try:
        return ExperimentSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ATTACK_SPECS)
        known = attack_parameters(name) if name else {}
        if first["type"] == "extra_forbidden":
            allowed = sorted(known) if where.startswith("attack.") else sorted(ExperimentSpec.model_fields)
            raise SpecError(f"Unknown field {where!r}. Allowed: {', '.join(allowed) or 'none'}.") from error
        if where == "budget" and first["type"] in {"greater_than", "less_than_equal"}:
            raise SpecError(f"budget is {first['input']}; allowed: more than 0, at most 1.") from error
        raise SpecError(f"{where} is {first['input']!r}; {lowered(first['msg'])}.") from error


@functools.cache  # a page asks hundreds of times, and pydantic makes the schema anew each time
def attack_parameters(name: str) -> Mapping[str, dict[str, Any]]:
    """Each parameter of an attack with its default, bounds and meaning, as JSON schema properties: read only."""
    properties: dict[str, dict[str, Any]] = ATTACK_SPECS[name].model_json_schema()["properties"]
    return {key: value for key, value in properties.items() if key != "name"}


def lowered(message: str) -> str:
    """A message of pydantic as the second part of a sentence."""
    return message[:1].lower() + message[1:]
