"""The server that a class works at: one of its own, from its start to the errors in its log."""

import contextlib
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.browser import server as app_server


@contextlib.contextmanager
def own_server(log: list[str], home: Path | None = None) -> Iterator[str]:
    """A server that is ready; what it has logged of errors is added to `log` in the end.

    Args:
        log: errors, each with its traceback.
        home: for its files; None for an empty one.
    """
    with contextlib.ExitStack() as stack:
        place = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with app_server.server(place) as address:
            ready(address)
            yield address
        lines = (place / "server.log").read_text().splitlines()
    log += _errors([re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines])


def _errors(lines: list[str]) -> list[str]:
    """Errors in a log, each with its traceback where it has one, as one text."""
    errors, begin = [], 0
    for i, line in enumerate(lines):
        if "Traceback" in line:
            begin = i
        elif re.search(r"^\w+(Error|Exception)\b", line):
            errors.append("\n".join(lines[begin : i + 1]))
        elif re.search(r" ERROR | CRITICAL ", line):
            errors.append(line)
    return errors


def ready(address: str) -> None:
    """Wait until runs can start.

    Raises:
        LookupError: they can't.
    """
    end = time.monotonic() + app_server.START_SECONDS
    while app_server.status_of(f"{address}/ready") != 200:
        if time.monotonic() > end:
            raise LookupError(f"{address} isn't ready to run anything within {app_server.START_SECONDS} s.")
        time.sleep(0.2)
