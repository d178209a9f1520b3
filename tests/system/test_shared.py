"""Values that threads share: made once, let go in the order of their use."""

import threading
import time

import pytest

from core.system.shared import shared


def test_the_least_recently_used_goes_first() -> None:
    made: list[int] = []

    @shared(2)
    def double(number: int) -> int:
        made.append(number)
        return 2 * number

    assert [double(1), double(2), double(1), double(3), double(1)] == [2, 4, 2, 6, 2]
    assert made == [1, 2, 3]
    double(2)
    assert made == [1, 2, 3, 2]
    double.clear()
    double(2)
    assert made == [1, 2, 3, 2, 2]


def test_threads_that_want_the_same_wait_for_the_one_that_makes_it() -> None:
    made, got = [], []

    @shared(5)
    def slow(name: str) -> object:
        made.append(name)
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: got.append(slow("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"]
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_an_error_is_not_remembered() -> None:
    tried: list[int] = []

    @shared(5)
    def fails_once(number: int) -> int:
        tried.append(number)
        if len(tried) == 1:
            raise ValueError("not yet")
        return number

    with pytest.raises(ValueError, match="not yet"):
        fails_once(7)
    assert fails_once(7) == 7
    assert tried == [7, 7]
