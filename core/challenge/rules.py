"""The rules of a challenge: an experiment whose attack and labels others choose, and who may do what for how long."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from core.attacks.registry import RECORDS as ATTACKS
from core.catalog.choices import resolve
from core.data.registry import is_user_supplied
from core.experiments import cost
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.models import Frozen, validated
from core.system import finite_json
from core.system.errors import ChallengeError, SpecError
from core.system.numbers import about

RoundKind = Literal["attack", "defence"]
ROUNDS: dict[str, tuple[RoundKind, ...]] = {
    "attack": ("attack",),
    "defence": ("defence",),
    "turns": ("attack", "defence", "attack", "defence"),
}
"""What a teacher chooses between: an attack round, a defence round, or both in turns."""
MOST_OPPONENTS = 3
"""Attacks that each defence of a later round has to stand up to: the most harmful ones of the rounds before."""


class Rules(Frozen):
    """The rules, as the teacher sets them.

    Attributes:
        experiment: data, extractor, budget, constraint, label rule, sizes, ridge and seed; its attack is what
            defenders face where there was no attack round.
    """

    title: str = Field(
        "Challenge", min_length=1, max_length=80, description="What the projector shows above the board."
    )
    experiment: ExperimentSpec
    rounds: tuple[RoundKind, ...] = Field(("attack",), min_length=1, max_length=8, description="Rounds, in order.")
    minutes: float = Field(20.0, gt=0, le=240, description="Time limit of a round.")
    tries: int = Field(5, ge=1, le=50, description="Submissions that a person may hand in a round.")
    people: int = Field(60, ge=1, le=500, description="People who may take part.")
    images_only: bool = Field(False, description="Whether poison has to be images, and no feature vectors.")
    seconds: int = Field(
        120, ge=1, le=14_400, description="Seconds that judging one submission may be expected to take."
    )

    @property
    def owns_data(self) -> bool:
        """Whether the images are the teacher's own, so that nobody else has those of the hidden test split."""
        return is_user_supplied(self.experiment.data)

    def spec_of(self, attack: Mapping[str, Any], evade: str | None) -> ExperimentSpec:
        """The experiment of a submission that was accepted.

        Args:
            attack: its `name` and parameters.
            evade: a defence that the poison is made to pass, or None.

        Raises:
            SpecError: see `attack_spec`.
        """
        fields = self.experiment.model_dump(mode="json", exclude={"attack", "evade", "plugins"})
        return resolve(parse_spec({**fields, "attack": dict(attack), "evade": evade}))

    def attack_spec(self, attack: Mapping[str, Any], evade: str | None) -> ExperimentSpec:
        """The experiment of a submission that is an attack with settings.

        Args:
            attack: its `name` and parameters.
            evade: a defence that the poison is made to pass, or None.

        Raises:
            SpecError: the attack or a parameter of it is unknown or out of bounds, or not possible under the rules.
            ChallengeError: it makes no images where those are asked for, or would take too long.
        """
        spec = self.spec_of(attack, evade)
        if self.images_only and not ATTACKS[spec.attack.name].makes_images:
            raise ChallengeError(
                f"{ATTACKS[spec.attack.name].title} makes feature vectors; this challenge asks for images: choose "
                "another attack."
            )
        expected = cost.total(spec)
        if expected > self.seconds:
            raise ChallengeError(
                f"These settings are expected to take {about(expected)}, at most {about(self.seconds)} are allowed: "
                "choose fewer steps, or another attack."
            )
        return spec

    def to_json(self) -> dict[str, Any]:
        """Plain data, for `parse_rules`."""
        return self.model_dump(mode="json")


def parse_rules(values: Mapping[str, Any], *, stored: bool = False) -> Rules:
    """Parse untrusted values.

    Args:
        values: by field; `experiment` as `parse_spec` takes it.
        stored: whether the rules were read from a challenge, which can be read without the plug-in of its attack.

    Raises:
        SpecError: one sentence that names the field, what it got and what is allowed.
    """
    experiment = values.get("experiment", {})
    if not isinstance(experiment, Mapping):
        raise SpecError(f"experiment is {experiment!r}; give the fields of an experiment.")
    spec = parse_spec(experiment, stored=stored)
    if not stored:
        spec = resolve(spec)
        if spec.evade is not None:
            raise SpecError("The attack that a challenge begins with evades no defence: leave out evade.")
    rules = validated(Rules, {**values, "experiment": spec}, "{}")
    assert isinstance(rules, Rules)
    return rules


def as_text(rules: Rules) -> str:
    """The rules as JSON, for a file."""
    return finite_json.dumps(rules.to_json(), indent=1, sort_keys=True) + "\n"
