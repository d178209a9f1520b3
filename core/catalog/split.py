"""The images of an experiment, drawn as its spec says."""

import numpy as np
from numpy.typing import NDArray

from core.catalog.lookup import data_info
from core.data.split import Split, draw
from core.spec.experiment import ExperimentSpec
from core.spec.sides import SIDE


def draw_for(spec: ExperimentSpec, test_rows: NDArray[np.intp] | None = None) -> Split:
    """The training and test images of an experiment.

    Args:
        spec: a resolved spec.
        test_rows: see `core.data.split.draw`.

    Raises:
        DataError: see `core.data.split.draw`.
    """
    return draw(
        data_info(spec.data),
        train_size=spec.train_size,
        test_size=spec.test_size,
        seed=spec.seed,
        train_domain=spec.train_domain,
        test_domain=spec.test_domain,
        side=spec.side or SIDE,
        test_rows=test_rows,
    )
