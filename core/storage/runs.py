"""The store of finished runs on disk, by the hash of their spec.

There is one folder per run (see `core.experiments.run_folder`) and an SQLite index for lists. The folders are
authoritative.
"""

import builtins
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core.experiments.result import Result
from core.storage import writing
from core.storage.folders import RunFolders
from core.storage.index import RunIndex, RunRow
from core.storage.marks import UseMarks
from core.storage.retention import RunRetention
from core.storage.stored_run import StoredRun, load
from core.system import finite_json, retention
from core.system.arrays import Array
from core.system.errors import StoreError
from core.system.paths import GALLERY

__all__ = ["RunRow", "Store", "StoredRun", "load"]


class Store:
    """Finished runs, by spec hash; safe to use from several threads and processes at once.

    Args:
        root: the folder of runs; created if missing.
        shipped: a read-only folder of runs that ship with the project, or None.
    """

    def __init__(self, root: Path, shipped: Path | None = GALLERY) -> None:
        self.root = root
        self.shipped = shipped
        root.mkdir(parents=True, exist_ok=True)
        self._folders = RunFolders(root, shipped)
        self._index = RunIndex(self._folders)
        self._retention = RunRetention(self._folders, self._index)
        self._uses = UseMarks(root)
        writing.remove_leftovers(root)

    def put(self, result: Result) -> StoredRun:
        """Store a result, replacing an earlier one of the same spec.

        Raises:
            StoreError: the folder can't be written, e.g. the disk is full.
        """
        folder = self.root / result.spec.hash
        with self._explained():
            writing.write(result, folder)
        return StoredRun(folder, False, json.loads(finite_json.dumps(result.summary().to_json())))

    def put_completed(self, run: StoredRun, files: Mapping[str, bytes], features: Mapping[str, Array]) -> StoredRun:
        """Store a run that was kept without its features, with them.

        Args:
            run: as it is, which may be one that ships.
            files: its files, see `StoredRun.files`.
            features: see `core.experiments.result.Result`.

        Raises:
            StoreError: the folder can't be written, e.g. as the disk is full.
        """
        folder = self.root / run.hash
        with self._explained():
            writing.write_completed(files, features, folder)
        return StoredRun(folder, False, run.content)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The result can't be written to {self.root} ({error}); free space or set POISON_LAB_HOME."
            ) from error

    def get(self, spec_hash: str) -> StoredRun | None:
        """The run of a spec; None if there is none, or if it was damaged and has been quarantined.

        Only result.json is verified here, other files when they are first read.
        """
        run = self._folders.read(spec_hash)
        if run is not None and not run.shipped:
            self._uses.note(spec_hash)
        return run

    def __contains__(self, spec_hash: object) -> bool:
        """Whether there is a folder of this run; its files are not verified."""
        return isinstance(spec_hash, str) and bool(self._folders.places(spec_hash))

    def written(self, spec_hash: str) -> int | None:
        """Time at which the folder of a run was written, in nanoseconds of the epoch; None if there is none."""
        return self._folders.written(spec_hash)

    def list(
        self,
        *,
        data: str | None = None,
        extractor: str | None = None,
        attack: str | None = None,
        limit: int | None = None,
    ) -> builtins.list[RunRow]:
        """Runs, newest first.

        Args:
            data: only runs on this data set.
            extractor: only runs with this extractor.
            attack: only runs of this attack.
            limit: maximum number of runs; None for all.
        """
        criteria = {"data": data, "extractor": extractor, "attack": attack}
        return self._index.rows({name: value for name, value in criteria.items() if value is not None}, limit)

    def use(self, spec_hash: str) -> None:
        """Mark a run as used without reading its files."""
        if self._folders.is_own(spec_hash):
            self._uses.note(spec_hash)

    def pin(self, spec_hash: str) -> None:
        """Keep a run for good: `clean` never deletes it. It stays pinned when it is recomputed.

        Raises:
            StoreError: there is no such run, it is a shipped one, or the disk is not writable.
        """
        self._retention.pin(spec_hash)

    def unpin(self, spec_hash: str) -> None:
        """Allow a run to be deleted again; a no-op if it is not pinned.

        Raises:
            StoreError: there is no such run, or the disk is not writable.
        """
        self._retention.unpin(spec_hash)

    def is_pinned(self, spec_hash: str) -> bool:
        """Whether a run is pinned."""
        return self._retention.is_pinned(spec_hash)

    def entries(self) -> builtins.list[retention.Entry]:
        """Everything that can be deleted: runs by hash, damaged ones as `damaged/…`; no shipped runs."""
        return self._retention.entries()

    def clean(self, limit: int, *, keep: Iterable[str] = (), dry_run: bool = False) -> retention.CleanUp:
        """Delete damaged runs, then the least recently used, until the rest takes at most `limit` bytes.

        Pinned and shipped runs are never deleted, nor runs written or read in the last
        `core.storage.retention.YOUNG_SECONDS`. Deletion is atomic: a reader sees a whole run or none. Processes
        that clean the same store take turns.

        Args:
            limit: in bytes.
            keep: hashes of further runs to keep.
            dry_run: only report what would be deleted.
        """
        return self._retention.clean(limit, keep=keep, dry_run=dry_run)
