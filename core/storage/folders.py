"""The folders of runs, which are authoritative for which runs exist and what they contain."""

import logging
import re
from pathlib import Path

from core.storage.integrity import DamagedError, RunFolder, is_current, retried
from core.storage.stored_run import StoredRun

log = logging.getLogger(__name__)

_HASH = re.compile(r"[0-9a-f]{16}")


def is_hash(text: str) -> bool:
    """Whether a text has the format of a spec's hash; no other text is ever used in a path."""
    return _HASH.fullmatch(text) is not None


class RunFolders:
    """Folders of runs by spec hash: local ones and shipped ones.

    Args:
        root: the folder of local runs.
        shipped: a read-only folder of runs, or None.
    """

    def __init__(self, root: Path, shipped: Path | None) -> None:
        self.root = root
        self.shipped = shipped

    def places(self, spec_hash: str) -> list[RunFolder]:
        """Folders that hold a run, the local one before the shipped one; empty if there is none."""
        return [folder for folder in self._candidates(spec_hash) if folder.exists]

    def _candidates(self, spec_hash: str) -> list[RunFolder]:
        """Where a run may be; nowhere by what is no hash."""
        if not is_hash(spec_hash):
            return []
        shipped = [] if self.shipped is None else [RunFolder(self.shipped / spec_hash, True)]
        return [RunFolder(self.root / spec_hash, False), *shipped]

    def is_own(self, spec_hash: str) -> bool:
        """Whether there is a local folder of this run."""
        return is_hash(spec_hash) and RunFolder(self.root / spec_hash, False).exists

    def read(self, spec_hash: str) -> StoredRun | None:
        """The run of a spec; None if there is none, or if it was damaged and has been quarantined."""
        for folder in self.places(spec_hash):
            try:
                result = retried(folder.read_stored_result)
            except DamagedError as error:
                if folder.shipped:
                    log.warning("Shipped run %s is damaged: %s", folder.path, error)
                elif folder.exists:
                    folder.set_aside(str(error))
                continue
            if is_current(result):
                return StoredRun(folder.path, folder.shipped, result)
        return None

    def written(self, spec_hash: str) -> int | None:
        """Time at which the folder of a run was written, in nanoseconds of the epoch; None if there is none."""
        for folder in self._candidates(spec_hash):  # pages ask dozens of times: one look at the disk for each
            try:
                return (folder.path / "manifest.json").stat().st_mtime_ns
            except OSError:  # not there, or being replaced by another process
                continue
        return None

    def listing(self) -> dict[str, tuple[float, bool]]:
        """By hash: time of writing in epoch seconds, and whether the run is shipped; local runs hide shipped ones."""
        listing: dict[str, tuple[float, bool]] = {}
        for place, shipped in ((self.shipped, True), (self.root, False)):
            if place is None or not place.is_dir():
                continue
            for folder in place.iterdir():
                if not is_hash(folder.name):
                    continue
                try:
                    listing[folder.name] = ((folder / "manifest.json").stat().st_mtime, shipped)
                except OSError:  # incomplete, or being replaced by another process
                    continue
        return listing
