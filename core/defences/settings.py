"""What the settings of defences share. Free of torch."""

from pydantic import Field

from core.spec.models import Frozen

SHARE = 0.05
"""Part of the training set that most defences remove: a defender does not know the attacker's budget."""


class DefenceSettings(Frozen):
    """What a person chooses of a defence: a subclass fixes `name` and adds parameters with bounds and descriptions."""

    name: str = ""


class RankedSettings(DefenceSettings):
    """Of defences that remove the same share of each class: the most suspicious."""

    share: float = Field(SHARE, gt=0, le=0.5, description="Part of each class that is removed, the most suspicious.")
