"""Which runs of a store are pinned and which are deleted to stay within the size limit."""

import logging
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.storage.folders import RunFolders, is_hash
from core.storage.index import RunIndex
from core.storage.marks import Pins, UseMarks
from core.system import retention
from core.system.errors import StoreError
from core.system.locks import lock

log = logging.getLogger(__name__)

YOUNG_SECONDS = 300.0
"""A run that was written or read this recently is never deleted: somebody may be looking at it."""


class RunRetention:
    """Pins runs, and deletes those that were used least recently.

    Args:
        folders: the runs.
        index: caches their sizes.
    """

    def __init__(self, folders: RunFolders, index: RunIndex) -> None:
        self._folders = folders
        self._index = index
        self._root = folders.root
        self._pins = Pins(folders.root)
        self._uses = UseMarks(folders.root)

    def pin(self, spec_hash: str) -> None:
        """Keep a run for good.

        Raises:
            StoreError: there is no such run, it is a shipped one, or the disk is not writable.
        """
        with self._locked():
            if not self._folders.is_own(spec_hash):
                ships = bool(self._folders.places(spec_hash))
                reason = "ships with Poison Lab and is never deleted" if ships else "isn't stored"
                raise StoreError(f"Run {spec_hash} {reason}; only runs of this store can be pinned.")
            try:
                self._pins.add(spec_hash)
            except OSError as error:
                raise StoreError(f"Run {spec_hash} can't be pinned: {error.strerror}.") from error

    def unpin(self, spec_hash: str) -> None:
        """Allow a run to be deleted again; a no-op if it is not pinned.

        Raises:
            StoreError: there is no such run, or the disk is not writable.
        """
        if not self.is_pinned(spec_hash) and not self._folders.places(spec_hash):
            raise StoreError(f"Run {spec_hash} isn't stored, so there is nothing to unpin.")
        with self._locked():
            try:
                self._pins.remove(spec_hash)
            except OSError as error:
                raise StoreError(f"Run {spec_hash} can't be unpinned: {error.strerror}.") from error

    def is_pinned(self, spec_hash: str) -> bool:
        """Whether a run is pinned."""
        return is_hash(spec_hash) and spec_hash in self._pins

    def entries(self) -> list[retention.Entry]:
        """Everything that can be deleted: runs by hash, damaged ones as `damaged/…`; no shipped runs."""
        own = {name: created for name, (created, shipped) in self._folders.listing().items() if not shipped}
        sizes = self._index.sizes(own)
        entries = [
            retention.Entry(name, sizes[name], max(created, self._uses.last(name)), self.is_pinned(name))
            for name, created in own.items()
        ]
        damaged = self._root / "damaged"
        for folder in damaged.iterdir() if damaged.is_dir() else ():
            pinned = self.is_pinned(folder.name.partition("-")[0])
            entries.append(retention.Entry(f"damaged/{folder.name}", retention.size_of(folder), 0.0, pinned))
        return entries

    def clean(self, limit: int, *, keep: Iterable[str] = (), dry_run: bool = False) -> retention.CleanUp:
        """Delete damaged runs, then the least recently used; see `core.storage.runs.Store.clean`.

        Args:
            limit: in bytes.
            keep: hashes of further runs to keep.
            dry_run: only report what would be deleted.
        """
        keep = set(keep)
        renamed: list[Path] = []

        def remove(entry: retention.Entry) -> bool:
            if entry.name in keep:
                return False
            if dry_run:
                return True
            path = self.detach(entry)
            if path is not None:
                renamed.append(path)
            return path is not None

        with self._locked():
            cleaned = retention.evict(self.entries(), limit, remove, now=time.time(), young=YOUNG_SECONDS)
        for path in renamed:
            shutil.rmtree(path, ignore_errors=True)
            if path.exists():
                log.warning("%s can't be deleted; trying again later", path)
        if cleaned.deleted and not dry_run:
            count, freed = len(cleaned.deleted), retention.format_size(cleaned.freed)
            log.info("Runs deleted to free space: %d, %s", count, freed, extra={"runs": count, "bytes": cleaned.freed})
        if cleaned.size > limit:
            log.warning(
                "The runs in %s take %s, %s are allowed: those left are pinned or in use",
                *(self._root, retention.format_size(cleaned.size), retention.format_size(limit)),
            )
        return cleaned

    def detach(self, entry: retention.Entry) -> Path | None:
        """Atomically rename a run's folder so that readers no longer see it; None if it stays after all."""
        folder = self._root / entry.name
        if max(_last_write(folder), self._uses.last(entry.name)) > entry.used > 0:  # since it was listed
            return None
        path = self._root / f".{folder.name}.gone.{uuid.uuid4().hex[:8]}"
        try:
            folder.rename(path)
        except OSError as error:
            log.warning("Run %s can't be deleted: %s", folder.name, error)
            return None
        self._uses.remove(entry.name)
        return path

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time pin and delete; without locking where the file system has none."""
        try:
            file = (self._root / ".lock").open("w")
        except OSError:  # read-only, so nothing can be deleted either
            yield
            return
        with file:
            with suppress(OSError):
                lock(file)  # closing the file releases it
            yield


def _last_write(folder: Path) -> float:
    """Time at which a run was written, in epoch seconds; 0 if it does not exist."""
    try:
        return (folder / "manifest.json").stat().st_mtime
    except OSError:
        return 0.0
