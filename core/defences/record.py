"""The one record of a defence: everything that is known of it, in the defence's own file. Free of torch.

A defence gets features and labels, never which points are poison. It decides what to keep (`judge`), or only says how
suspicious each point is (`suspicion`), or fits a function that could be held to any other point (`score_function`):
an attack can be made to pass the last kind. What is missing fails when the record is made, by name.
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
    """Everything that is known of one defence.

    Attributes:
        settings: what a person chooses, with the defence's name.
        title: what a person calls it.
        summary: what it removes, in one plain sentence.
        source: where it is from.
        rank: its place where several are chained, lower first: what trains heads comes last.
        judge: from settings and a training set to what is kept, and how suspicious each point is.
        suspicion: (N,) the larger the more suspicious; the share of `RankedSettings` is removed of each class.
        score_function: fitted to a training set: suspicion (m,) float64 of features (m, d) with labels (m,), convex in
            the features and differentiable almost everywhere. The share is removed likewise, and an attack can be made
            to pass it. Of the three, exactly one is given.
    """

    settings: type[DefenceSettings]
    title: str
    summary: str
    source: str
    rank: int = 100
    judge: "Callable[[Any, TrainingSet], Verdict] | None" = None
    suspicion: "Callable[[Any, TrainingSet], Tensor] | None" = None
    score_function: "Callable[[Any, TrainingSet], ScoreFunction] | None" = None

    def __post_init__(self) -> None:
        check_settings(self.settings, DefenceSettings, "defence")
        name = default_name(self.settings)
        for what in ("title", "summary", "source"):
            if not getattr(self, what) or not isinstance(getattr(self, what), str):
                raise RecordError(f"defence {name!r} has no {what}")
        ways = [way for way in (self.judge, self.suspicion, self.score_function) if callable(way)]
        if len(ways) != 1:
            raise RecordError(f"defence {name!r} has {len(ways)} of judge, suspicion and score_function; one is needed")
        if self.judge is None and not issubclass(self.settings, RankedSettings):
            raise RecordError(
                f"the settings of defence {name!r} do not extend RankedSettings, which hold the share to remove"
            )

    @property
    def name(self) -> str:
        """Its name in chains of defences."""
        return default_name(self.settings)

    @property
    def evadable(self) -> bool:
        """Whether an attack can be made to pass it."""
        return self.score_function is not None
