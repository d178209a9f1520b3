"""The hidden test split of a challenge: rows of the data's test part, drawn by the server's secret, written nowhere."""

import numpy as np
from numpy.typing import NDArray

from core.catalog.lookup import data_info
from core.challenge.folder import Challenge
from core.data.split import labels_of_test, stratified
from core.spec.sides import SIDE
from core.system import secret


def hidden_rows(challenge: Challenge) -> NDArray[np.intp]:
    """(t,) rows on which submissions are judged; the same whenever this server, or one with its home, asks.

    Raises:
        DataError: the data can't be read.
        OSError: the secret can't be read or written.
    """
    spec = challenge.rules.experiment
    y = labels_of_test(data_info(spec.data), spec.test_domain, spec.side or SIDE)
    digest = secret.new_hmac()
    digest.update(b"hidden test split\0" + challenge.code.encode() + b"\0" + challenge.teacher.encode())
    return stratified(y, spec.test_size, np.random.default_rng(int.from_bytes(digest.digest())))
