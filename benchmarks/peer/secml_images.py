"""secml's poisoning of logistic regression on the pixels, from an .npz file; runs in an environment of its own.

PEER/bin/python benchmarks/peer/secml_images.py TASK.npz OUT.npz

Its attack does not go through an extractor: `_gradient_fk_xc` takes the number of the head's weights for that of the
pixels, so that nothing with fewer features than pixels can stand between. So the head that it poisons is one on pixels.
"""

import sys
import time

import numpy as np
from secml.adv.attacks.poisoning import CAttackPoisoningLogisticRegression
from secml.array import CArray
from secml.data import CDataset
from secml.ml.classifiers import CClassifierLogistic


class InTime(CAttackPoisoningLogisticRegression):
    """Ends the climb of each point, by a gradient of 0, after its share of the seconds."""

    share = float("inf")
    _ends, _of = 0.0, None

    def objective_function_gradient(self, xc, normalization=True):
        """See secml."""
        if self._of != self._idx:
            self._ends, self._of = time.process_time() + self.share, self._idx
        if time.process_time() > self._ends:
            return CArray.zeros((xc.size,))
        return super().objective_function_gradient(xc, normalization)


task, out = sys.argv[1:]
with np.load(task, allow_pickle=False) as file:
    x, y, c, m, seed, seconds = (file[name] for name in ("x", "y", "c", "m", "seed", "seconds"))
x = x.reshape(len(x), -1) / 255.0
train = CDataset(CArray(x), CArray(y.astype(int)))
start = time.process_time()
head = CClassifierLogistic(C=float(c))
head.fit(train.X, train.Y)
attack = InTime(
    classifier=head,
    training_data=train,
    val=train,
    lb=0.0,
    ub=1.0,
    solver_params={"eta": 0.05, "eta_min": 0.05, "eta_max": None, "max_iter": 100, "eps": 1e-6},
    random_seed=int(seed),
)
attack.n_points = int(m)
attack.share = float(seconds) / int(m)
_, _, poison, _ = attack.run(train.X, train.Y)
took = time.process_time() - start
np.savez(out, x=poison.X.tondarray().clip(0, 1), y=poison.Y.tondarray(), seconds=took)
