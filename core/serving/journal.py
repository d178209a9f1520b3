"""Runs that are in flight, on disk, so that a server that comes back knows which ones its end has interrupted.

Each run has a small file, which says what it is and whose it is; each server holds a lock while it lives. The kernel
lets go of it however the server ends, so that nothing has to be asked of processes that may be on another machine.
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
        root: the folder of the store. Where nothing can be written there, runs go on without a journal.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "in-flight"
        self._server = uuid.uuid4().hex[:12]
        self._lock: int | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._lock_of(self._server), os.O_CREAT | os.O_RDWR)  # not passed on to workers
            lock(self._lock)
        except OSError as error:
            log.warning("No journal of runs can be kept in %s: %s", self._folder, error)

    def begin(self, spec: ExperimentSpec) -> None:
        """Note that a run is in flight; what was noted of interrupted ones of the same spec is settled by it."""
        self.settle(spec.hash)
        if self._lock is None:
            return
        try:
            write_text(self._entry(spec.hash, self._server), spec.to_json())
        except OSError as error:
            log.warning("Run %s can't be noted in %s: %s", spec.hash, self._folder, error)

    def end(self, spec_hash: str) -> None:
        """Note that a run is over, however it ended; of what the server's own end has ended nothing is noted."""
        if self._lock is None:
            return
        with suppress(OSError):
            self._entry(spec_hash, self._server).unlink()

    def settle(self, spec_hash: str) -> None:
        """Forget that a run was interrupted."""
        for path in self._dead_entries():
            if path.name.startswith(spec_hash):
                with suppress(OSError):
                    path.unlink()

    def interrupted(self) -> dict[str, ExperimentSpec]:
        """The runs that were in flight when their server ended, by hash."""
        specs = {}
        for path in self._dead_entries():
            try:
                spec = parse_spec(json.loads(path.read_text()), stored=True)
            except (OSError, ValueError, SpecError):  # just settled by another, or of another version
                continue
            specs[spec.hash] = spec
        return specs

    def close(self) -> None:
        """Let go: what is still noted counts as interrupted from now on."""
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
        """Whether somebody holds the lock of a server; the lock of one that has ended is removed."""
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
