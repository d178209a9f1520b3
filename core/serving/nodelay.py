"""Disables Nagle's algorithm for the connections of the web server.

With Nagle's algorithm a connection holds a small packet back until the previous one is acknowledged, which browsers
delay: some 40 ms for each small response. asyncio turns that off (`TCP_NODELAY`) for connections whose socket says that
its protocol is TCP (`asyncio.base_events._set_nodelay`). Those of this server report 0: Streamlit opens the listening
socket itself (`streamlit.web.server.starlette.starlette_server._bind_socket`) without naming a protocol, and what it
accepts takes that over. uvicorn has the same fault where it is given a socket or workers:
https://github.com/Kludex/uvicorn/issues/3149; of asyncio on macOS: https://github.com/python/cpython/issues/148783.

Neither Streamlit nor uvicorn hands its listening socket to the app, so it is looked for among the open files of the
process. Once Streamlit names the protocol, nothing is left to do here.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

OPEN_FILES = Path("/dev/fd")
"""Folder with an entry for each open file of the process; exists on Linux, macOS and the BSDs."""


def enable_nodelay() -> None:
    """Set TCP_NODELAY on all listening sockets of this process, so that accepted connections inherit it.

    A no-op, which only costs speed, on platforms without `/dev/fd`.
    """
    try:
        handles = [int(name) for name in os.listdir(OPEN_FILES)]
    except OSError:
        return
    for handle in handles:
        with suppress(OSError):  # closed since, or a socket of another kind
            if stat.S_ISSOCK(os.fstat(handle).st_mode):
                _set_nodelay(handle)


def _set_nodelay(handle: int) -> None:
    """Set it on a socket if it is listening."""
    with socket.socket(fileno=os.dup(handle)) as listener:
        if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
