"""Base classes of the settings of defences. Without torch."""

from pydantic import Field

from core.spec.models import Frozen

SHARE = 0.05
"""Share of the training set that most defences remove; a defender does not know the attacker's budget."""


class DefenceSettings(Frozen):
    """The parameters of a defence: a subclass fixes `name` and adds fields with bounds and descriptions."""

    name: str = ""


class RankedSettings(DefenceSettings):
    """Parameters of defences that remove the most suspicious share of each class."""

    share: float = Field(SHARE, gt=0, le=0.5, description="Part of each class that is removed, the most suspicious.")
