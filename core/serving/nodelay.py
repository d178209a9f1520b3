"""Connections of the web server that send what they have at once.

By Nagle's algorithm a connection holds a small packet back until the one before is confirmed, for which a browser takes
its time: some 40 ms for each small answer. asyncio turns that off (`TCP_NODELAY`) for connections whose socket says
that its protocol is TCP (`asyncio.base_events._set_nodelay`). Those of this server say 0: Streamlit opens the listening
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
"""A name for each open file of the process that looks into it; Linux, macOS and the BSDs have it."""


def enable_nodelay() -> None:
    """Have every connection send at once that a listening socket of this process accepts from now on.

    Where the platform has no `/dev/fd`, nothing is done: the server only is slower.
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
    """Set it on a socket that listens; what it accepts inherits it."""
    with socket.socket(fileno=os.dup(handle)) as listener:
        if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
