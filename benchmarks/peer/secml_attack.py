"""secml's poisoning of logistic regression, on a task from an .npz file; runs in an environment of its own.

PEER/bin/python benchmarks/peer/secml_attack.py TASK.npz OUT.npz
"""

import sys
import time

import numpy as np
from secml.adv.attacks.poisoning import CAttackPoisoningLogisticRegression
from secml.array import CArray
from secml.data import CDataset
from secml.ml.classifiers import CClassifierLogistic

task, out = sys.argv[1:]
with np.load(task, allow_pickle=False) as file:
    z, y, c, m, seed = (file[name] for name in ("z", "y", "c", "m", "seed"))
train = CDataset(CArray(z.astype(float)), CArray(y.astype(int)))
head = CClassifierLogistic(C=float(c))
head.fit(train.X, train.Y)
attack = CAttackPoisoningLogisticRegression(
    classifier=head,
    training_data=train,
    val=train,
    lb=CArray(z.min(0).astype(float)),
    ub=CArray(z.max(0).astype(float)),
    solver_params={"eta": 0.05, "eta_min": 0.05, "eta_max": None, "max_iter": 100, "eps": 1e-6},
    random_seed=int(seed),
)
attack.n_points = int(m)
start = time.perf_counter()
_, _, poison, _ = attack.run(train.X, train.Y)
seconds = time.perf_counter() - start
np.savez(out, z=poison.X.tondarray(), y=poison.Y.tondarray(), seconds=seconds)
