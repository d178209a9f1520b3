"""The record of a defence: everything that the rest of the code knows about it. Without torch.

A defence gets features and labels, but not which points are poisoned. It decides what to keep (`judge`), or returns how
suspicious each point is (`suspicion`), or fits a score function that applies to any point (`score_function`): attacks
can evade the last kind. A record that lacks something fails when it is created, with a message that names it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.defences.settings import DefenceSettings, RankedSettings
from core.spec.models import check_settings, default_name
from core.system.errors import RecordError

if TYPE_CHECKING:
    from torch import Tensor

    from core.defences.algorithms.base import ScoreFunction, TrainingSet, Verdict


@dataclass(frozen=True, kw_only=True)
class DefenceRecord:
    """Everything that the rest of the code knows about a defence. Exactly one of three functions is required.

    They are `judge`, `suspicion` and `score_function`.

    Attributes:
        settings: its parameters, with the defence's name.
        title: its name for people.
        summary: what it removes, in one sentence.
        source: the publication.
        rank: its position in a chain, lower first; defences that train heads come last.
        judge: from settings and a training set to the points to keep, and how suspicious each is.
        suspicion: from settings and a training set to (N,) suspicion, larger for more suspicious points; the share of
            `RankedSettings` is removed from each class.
        score_function: from settings and a training set to a function: suspicion (m,) float64 of features (m, d) with
            labels (m,), convex in the features and differentiable almost everywhere. The share is removed likewise,
            and attacks can evade it.
        held_out: for a score function that favours the points that it was fitted to, from settings and a training set
            to the suspicion (N, c) float64 of each point under every label by what was fitted without the point. It
            replaces the score function on the training set's own points.
    """

    settings: type[DefenceSettings]
    title: str
    summary: str
    source: str
    rank: int = 100
    judge: "Callable[[Any, TrainingSet], Verdict] | None" = None
    suspicion: "Callable[[Any, TrainingSet], Tensor] | None" = None
    score_function: "Callable[[Any, TrainingSet], ScoreFunction] | None" = None
    held_out: "Callable[[Any, TrainingSet], Tensor] | None" = None

    def __post_init__(self) -> None:
        check_settings(self.settings, DefenceSettings, "defence")
        name = default_name(self.settings)
        for what in ("title", "summary", "source"):
            if not getattr(self, what) or not isinstance(getattr(self, what), str):
                raise RecordError(f"defence {name!r} has no {what}")
        ways = [way for way in (self.judge, self.suspicion, self.score_function) if callable(way)]
        if len(ways) != 1:
            raise RecordError(f"defence {name!r} has {len(ways)} of judge, suspicion and score_function; one is needed")
        if self.held_out is not None and not (callable(self.held_out) and self.score_function is not None):
            raise RecordError(f"held_out of defence {name!r} is no function, or there is no score_function beside it")
        if self.judge is None and not issubclass(self.settings, RankedSettings):
            raise RecordError(
                f"the settings of defence {name!r} do not extend RankedSettings, which hold the share to remove"
            )

    @property
    def name(self) -> str:
        """Its name in specs and chains."""
        return default_name(self.settings)

    @property
    def evadable(self) -> bool:
        """Whether attacks can evade it."""
        return self.score_function is not None
