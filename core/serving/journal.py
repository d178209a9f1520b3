"""A journal of the runs in flight on disk, so that a restarted server knows which ones were interrupted.

There is a small file per run, named by run and server, and a lock that each server holds while it is running. The
kernel releases it however the server ends, so that processes on other machines need not be queried.
"""

import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import SpecError
from core.system.files import write_text
from core.system.locks import lock

log = logging.getLogger(__name__)


class Journal:
    """The runs in flight of one server, beside those of others that share its store.

    Args:
        root: the folder of the store. If it is read-only, runs execute without a journal.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "in-flight"
        self._server = uuid.uuid4().hex[:12]
        self._lock: int | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._lock_of(self._server), os.O_CREAT | os.O_RDWR)  # not inherited by workers
            lock(self._lock)
        except OSError as error:
            log.warning("No journal of runs can be kept in %s: %s", self._folder, error)

    def begin(self, spec: ExperimentSpec) -> None:
        """Record that a run is in flight; clears records of interrupted runs of the same spec."""
        self.settle(spec.hash)
        if self._lock is None:
            return
        try:
            write_text(self._entry(spec.hash, self._server), spec.to_json())
        except OSError as error:
            log.warning("Run %s can't be noted in %s: %s", spec.hash, self._folder, error)

    def end(self, spec_hash: str) -> None:
        """Record that a run has finished; ignored after `close`, so that the run counts as interrupted."""
        if self._lock is None:
            return
        with suppress(OSError):
            self._entry(spec_hash, self._server).unlink()

    def settle(self, spec_hash: str) -> None:
        """Clear the records of an interrupted run."""
        for path in self._dead_entries():
            if path.name.startswith(spec_hash):
                with suppress(OSError):
                    path.unlink()

    def interrupted(self) -> dict[str, ExperimentSpec]:
        """Runs that were in flight when their server stopped, by hash."""
        specs = {}
        for path in self._dead_entries():
            try:
                spec = parse_spec(json.loads(path.read_text()), stored=True)
            except (OSError, ValueError, SpecError):  # just cleared by another server, or of another version
                continue
            specs[spec.hash] = spec
        return specs

    def close(self) -> None:
        """Release the lock: runs that are still recorded count as interrupted from now on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _dead_entries(self) -> Iterator[Path]:
        alive: dict[str, bool] = {self._server: self._lock is not None}
        for path in sorted(self._folder.glob("*.json")):
            server = path.stem.partition("-")[2]
            if server not in alive:
                alive[server] = self._is_alive(server)
            if not alive[server]:
                yield path

    def _is_alive(self, server: str) -> bool:
        """Whether a server holds its lock; removes the lock of one that has stopped."""
        path = self._lock_of(server)
        try:
            handle = os.open(path, os.O_RDWR)
        except OSError:
            return False
        try:
            lock(handle, wait=False)
        except OSError:
            return True
        finally:
            os.close(handle)
        with suppress(OSError):
            path.unlink()
        return False

    def _lock_of(self, server: str) -> Path:
        return self._folder / f"{server}.lock"

    def _entry(self, spec_hash: str, server: str) -> Path:
        return self._folder / f"{spec_hash}-{server}.json"
