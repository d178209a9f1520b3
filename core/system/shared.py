"""Values that all threads of a process share: each is made once, and the latest ones are kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """A function of hashable arguments that remembers its values.

    Threads that want the same value at once wait for the one that makes it. An error is not remembered.

    Args:
        make: the function; its values are shared, not to be changed.
        most: number of values that are kept; beyond, what was used least recently is let go.
    """

    def __init__(self, make: Callable[..., T], most: int) -> None:
        self._make, self._most = make, most
        self._values: OrderedDict[tuple[Hashable, ...], T] = OrderedDict()
        self._making: dict[tuple[Hashable, ...], threading.RLock] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Hashable) -> T:
        """The value for these arguments."""
        with self._lock:
            if arguments in self._values:
                self._values.move_to_end(arguments)
                return self._values[arguments]
            making = self._making.setdefault(arguments, threading.RLock())
        with making:
            with self._lock:
                if arguments in self._values:  # made by another thread, which this one has waited for
                    return self._values[arguments]
            try:
                value = self._make(*arguments)
                with self._lock:
                    self._values[arguments] = value
                    while len(self._values) > self._most:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(arguments, None)
        return value

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()


def shared(most: int) -> Callable[[Callable[..., T]], Shared[T]]:
    """A decorator that makes a function a `Shared` one.

    Args:
        most: number of values that are kept.
    """
    return lambda make: Shared(make, most)
