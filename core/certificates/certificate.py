"""The typed form of a run's certificates. Without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Noise:
    """The label noise, and the heads that vote.

    Attributes:
        q: probability that a label is replaced by another, in (0, (c - 1) / c).
        heads: number of heads, each trained on its own noisy labels.
        ridge: λ of these heads; larger than for a single head, since it makes the heads agree more.
        seed: of the noise.
    """

    q: float = 0.6
    heads: int = 500
    ridge: float = 0.03
    seed: int = 0


@dataclass(frozen=True)
class AddedPoints:
    """The certificate against added points; accuracies are in [0, 1].

    Attributes:
        partitions: number of heads that vote, each trained on its part of the data.
        clean: accuracy of the vote without poison.
        attacked: accuracy of the vote with the run's poison.
        certified: certified accuracy by the number of added points, from 0 to the first at which it is 0.
    """

    partitions: int
    clean: float
    attacked: float
    certified: tuple[float, ...]

    @classmethod
    def from_json(cls, certificate: Mapping[str, Any]) -> "AddedPoints":
        """Read the output of `to_json`."""
        return cls(**{**certificate, "certified": tuple(certificate["certified"])})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "certified": list(self.certified)}

    def at(self, points: int) -> float:
        """Certified accuracy with up to so many added points."""
        return self.certified[points] if points < len(self.certified) else 0.0


@dataclass(frozen=True)
class FlippedLabels:
    """The certificate against flipped labels; accuracies are in [0, 1].

    Attributes:
        noise: the label noise, and the heads that vote.
        clean: accuracy of the vote without flips.
        certified: certified accuracy by the number of flipped labels, from 0 to the first at which it is 0.
        plain: pairs of a number of labels that an attacker flips, and the resulting accuracy of a single head.
    """

    noise: Noise
    clean: float
    certified: tuple[float, ...]
    plain: tuple[tuple[int, float], ...]

    def at(self, flips: int) -> float:
        """Certified accuracy with up to so many flipped labels."""
        return self.certified[flips] if flips < len(self.certified) else 0.0

    @classmethod
    def from_json(cls, certificate: Mapping[str, Any]) -> "FlippedLabels":
        """Read the output of `to_json`."""
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
    """Both certificates of a run: against added points, and against flipped labels."""

    added: AddedPoints
    flipped: FlippedLabels

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"added": self.added.to_json(), "flipped": self.flipped.to_json()}
