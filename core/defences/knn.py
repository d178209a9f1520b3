"""The defence that asks the nearest neighbours for their labels."""

from torch import Tensor

from core.defences.base import Ranking, TrainingSet
from core.heads.neighbours import neighbours


class KNNDefence(Ranking):
    """The share of nearby points with another label, near ones counting more, so that few are equal."""

    def suspicion(self, data: TrainingSet) -> Tensor:
        """(N,) in [0, 1]."""
        near, distance = neighbours(data.z, self.spec.k)
        weight = 1.0 / distance.double().clamp_min(1e-9)
        other = data.y[near] != data.y[:, None]
        return (weight * other).sum(1) / weight.sum(1)
