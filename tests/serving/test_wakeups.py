"""The event loop wakes up for everything that threads hand to it, by fewer bytes than there are things."""

import asyncio
import threading
from typing import Any

from core.serving.wakeups import join_wakeups


def _joined(calls: list[int]) -> asyncio.AbstractEventLoop:
    """A loop whose wake-ups are joined; the bytes that it writes to itself are counted in `calls`."""
    loop = asyncio.SelectorEventLoop()
    of_asyncio: Any = loop
    write = of_asyncio._write_to_self

    def counted() -> None:
        calls.append(1)
        write()

    of_asyncio._write_to_self = counted
    join_wakeups(loop)
    return loop


def test_one_byte_wakes_the_loop_for_all_that_waits() -> None:
    written: list[int] = []
    loop, done = _joined(written), list[int]()
    for number in range(100):
        loop.call_soon_threadsafe(done.append, number)
    assert len(written) == 1
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    assert done == list(range(100))
    loop.call_soon_threadsafe(loop.stop)  # the byte was read: the next one is written again
    assert len(written) == 2
    loop.run_forever()
    loop.close()


def test_nothing_from_other_threads_waits() -> None:
    """A loop that sleeps through a hand-over never ends this test: threads hand over whenever it has gone to sleep."""
    loop, each, done = _joined([]), 2000, list[int]()

    def hand_over() -> None:
        for number in range(each):
            seen = threading.Event()
            loop.call_soon_threadsafe(done.append, number)
            loop.call_soon_threadsafe(seen.set)
            assert seen.wait(10), "the loop has slept through what was handed to it"

    async def all_threads() -> None:
        await asyncio.gather(*(asyncio.to_thread(hand_over) for _ in range(4)))

    loop.run_until_complete(all_threads())
    loop.close()
    assert sorted(done) == sorted([*range(each)] * 4)


def test_other_loops_stay_as_they_are() -> None:
    class Other(asyncio.AbstractEventLoop):
        pass

    join_wakeups(Other())
