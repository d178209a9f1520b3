"""Wakes the web server's event loop once for all messages of pages that wait for it.

A page's script runs in a thread of its own. It hands each element to the event loop by `call_soon_threadsafe`, and the
loop hands it on to the sender likewise: each time, asyncio writes a byte to a socket of its own, and reads it again.
Each of these calls gives Python's lock away, so that the script waits after each element until the loop, or the script
of another page, lets go of it. A page has a hundred elements.

Once a byte is on its way the loop wakes up for whatever is there, so that no second byte is needed before it has read
the first.
"""

import asyncio
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

OWN = ("_write_to_self", "_process_self_data")
"""Methods of Python's own loops that are no part of their interface: without them all stays as it is."""


def join_wakeups(loop: asyncio.AbstractEventLoop) -> None:
    """Let an event loop of asyncio write no byte to itself while one is on its way.

    A no-op, which only costs speed, for loops of another kind.
    """
    if not (isinstance(loop, BaseSelectorEventLoop) and all(hasattr(loop, name) for name in OWN)):
        return
    asyncio_loop: Any = loop
    write, read = asyncio_loop._write_to_self, asyncio_loop._process_self_data
    is_on_its_way = False

    def write_once() -> None:
        nonlocal is_on_its_way
        if not is_on_its_way:
            is_on_its_way = True
            write()

    def was_read(data: bytes) -> None:
        nonlocal is_on_its_way
        # After each read, and before the loop looks for what to do: what was added without a byte is seen then.
        is_on_its_way = False
        read(data)

    asyncio_loop._write_to_self, asyncio_loop._process_self_data = write_once, was_read
