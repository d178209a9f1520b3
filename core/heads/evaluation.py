"""The one neutral judge of every attack and defence."""

from dataclasses import dataclass

from torch import Tensor, bincount, cat

from core.heads import logistic as head
from core.heads.scores import Score


@dataclass(frozen=True)
class Evaluator:
    """The one neutral judge: retrains the defender's head and scores it on the test set no attack has seen."""

    train_z: Tensor
    train_y: Tensor
    test_z: Tensor
    test_y: Tensor
    n_classes: int
    ridge: float

    def retrain(
        self,
        poison_z: Tensor | None = None,
        poison_y: Tensor | None = None,
        start: Tensor | None = None,
    ) -> Tensor:
        """The converged head (c, d + 1) of the training set, with poison (m, d), (m,) added if given."""
        if poison_z is None or poison_y is None:
            return head.fit(self.train_z, self.train_y, self.n_classes, self.ridge, start)
        z, y = cat([self.train_z, poison_z]), cat([self.train_y, poison_y])
        return head.fit(z, y, self.n_classes, self.ridge, start)

    def score(self, theta: Tensor, beside: Tensor | None = None) -> Score:
        """Test accuracy of a head, overall and per class, and what it takes each class for.

        Args:
            beside: the clean head, to count the images that are lost and gained.
        """
        predicted = head.logits(theta, self.test_z).argmax(1)
        is_right = predicted.eq(self.test_y)
        right = is_right.double()
        per_class = [float(right[self.test_y == c].mean()) for c in range(self.n_classes)]
        cells = bincount(self.test_y * self.n_classes + predicted, minlength=self.n_classes**2)
        lost = gained = None
        if beside is not None:
            was_right = head.logits(beside, self.test_z).argmax(1).eq(self.test_y)
            lost, gained = int((was_right & ~is_right).sum()), int((is_right & ~was_right).sum())
        table = cells.reshape(self.n_classes, self.n_classes).tolist()
        return Score(float(right.mean()), per_class, table, lost, gained)
