"""What is certain of a run's clean data whatever the attack, as numbers in one typed form. Free of torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Noise:
    """How labels are drawn, and how the heads are trained that vote.

    Attributes:
        q: probability of another label than the given one, in (0, (c - 1) / c).
        heads: how many are trained, each with labels of its own.
        ridge: λ of these heads, larger than a single head's: what they lose by it they gain in agreeing.
        seed: of the draws.
    """

    q: float = 0.6
    heads: int = 500
    ridge: float = 0.03
    seed: int = 0


@dataclass(frozen=True)
class AddedPoints:
    """The certificate against points that are added; accuracies are shares in [0, 1].

    Attributes:
        partitions: heads that vote, each trained on its part of the data.
        clean: their accuracy without poison.
        attacked: their accuracy with the run's poison among the points.
        certified: certified accuracy by the number of added points, from none to the first at which it is 0.
    """

    partitions: int
    clean: float
    attacked: float
    certified: tuple[float, ...]

    @classmethod
    def from_json(cls, certificate: Mapping[str, Any]) -> "AddedPoints":
        """Read what `to_json` has written."""
        return cls(**{**certificate, "certified": tuple(certificate["certified"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "certified": list(self.certified)}

    def at(self, points: int) -> float:
        """Certified accuracy with so many points added."""
        return self.certified[points] if points < len(self.certified) else 0.0


@dataclass(frozen=True)
class FlippedLabels:
    """The certificate against labels that are flipped; accuracies are shares in [0, 1].

    Attributes:
        noise: how the labels of the heads that vote are drawn.
        clean: accuracy of the vote.
        certified: certified accuracy by the number of flipped labels, from none to the first at which it is 0.
        plain: pairs of a number of labels that an attacker flips, and the accuracy of a single head then.
    """

    noise: Noise
    clean: float
    certified: tuple[float, ...]
    plain: tuple[tuple[int, float], ...]

    @classmethod
    def from_json(cls, certificate: Mapping[str, Any]) -> "FlippedLabels":
        """Read what `to_json` has written."""
        return cls(
            noise=Noise(**certificate["noise"]),
            clean=float(certificate["clean"]),
            certified=tuple(certificate["certified"]),
            plain=tuple((int(flips), float(accuracy)) for flips, accuracy in certificate["plain"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "noise": asdict(self.noise),
            "clean": self.clean,
            "certified": list(self.certified),
            "plain": [list(pair) for pair in self.plain],
        }


@dataclass(frozen=True)
class Certificates:
    """Both certificates of a run: against points that are added, and against labels that are flipped."""

    added: AddedPoints
    flipped: FlippedLabels

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"added": self.added.to_json(), "flipped": self.flipped.to_json()}
