"""The evaluation of every attack and defence: retraining the defender's head, and scoring it on test data."""

from dataclasses import dataclass

from torch import Tensor, bincount, cat

from core.heads import logistic as head
from core.heads.scores import Score


@dataclass(frozen=True)
class Evaluator:
    """Retrains the defender's head and scores it on a test set that no attack has seen.

    Attributes:
        train_z, train_y: clean training set, features (n, d) and labels (n,).
        test_z, test_y: test set, features (t, d) and labels (t,).
        n_classes: c.
        ridge: λ of the head.
    """

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
        """The converged head (c, d + 1) of the clean training set, with poisoned samples added if there are any.

        Args:
            poison_z: (m, d) features of the poisoned samples.
            poison_y: (m,) their labels.
            start: (c, d + 1) initial head.
        """
        if poison_z is None or poison_y is None:
            return head.fit(self.train_z, self.train_y, self.n_classes, self.ridge, start)
        z, y = cat([self.train_z, poison_z]), cat([self.train_y, poison_y])
        return head.fit(z, y, self.n_classes, self.ridge, start)

    def score(self, theta: Tensor, reference: Tensor | None = None) -> Score:
        """Test accuracy of a head, overall and per class, and its confusion matrix.

        Args:
            theta: (c, d + 1) the head.
            reference: (c, d + 1) the clean head, to count the test images that are lost and gained.
        """
        predicted = head.logits(theta, self.test_z).argmax(1)
        is_right = predicted.eq(self.test_y)
        right = is_right.double()
        per_class = [float(right[self.test_y == c].mean()) for c in range(self.n_classes)]
        cells = bincount(self.test_y * self.n_classes + predicted, minlength=self.n_classes**2)
        lost = gained = None
        if reference is not None:
            was_right = head.logits(reference, self.test_z).argmax(1).eq(self.test_y)
            lost, gained = int((was_right & ~is_right).sum()), int((is_right & ~was_right).sum())
        table = cells.reshape(self.n_classes, self.n_classes).tolist()
        return Score(float(right.mean()), per_class, table, lost, gained)
