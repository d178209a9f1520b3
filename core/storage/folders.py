"""The folders of runs, which are the truth: which runs there are, and what they hold."""

import logging
import re
from pathlib import Path

from core.storage.integrity import DamagedError, RunFolder, is_current, retried
from core.storage.stored_run import StoredRun

log = logging.getLogger(__name__)

_HASH = re.compile(r"[0-9a-f]{16}")


def is_hash(text: str) -> bool:
    """Whether a text can be the hash of a spec; only such a text ever becomes part of a path."""
    return _HASH.fullmatch(text) is not None


class RunFolders:
    """Folders of runs, by spec hash: a person's own, and those that ship.

    Args:
        root: the folder of a person's own runs.
        shipped: a read-only folder of runs, or None.
    """

    def __init__(self, root: Path, shipped: Path | None) -> None:
        self.root = root
        self.shipped = shipped

    def places(self, spec_hash: str) -> list[RunFolder]:
        """Where a run lies: a person's own folder of it before one that ships; empty where there is none."""
        if not is_hash(spec_hash):
            return []
        places = [RunFolder(self.root / spec_hash, False)]
        if self.shipped is not None:
            places.append(RunFolder(self.shipped / spec_hash, True))
        return [folder for folder in places if folder.exists]

    def is_own(self, spec_hash: str) -> bool:
        """Whether there is a folder of this run that does not ship."""
        return any(not folder.shipped for folder in self.places(spec_hash))

    def read(self, spec_hash: str) -> StoredRun | None:
        """The run of a spec; None where there is none, or where it was damaged and has been set aside."""
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
        """When the folder of a run was written, in nanoseconds of the epoch; None where there is none."""
        for folder in self.places(spec_hash):
            try:
                return (folder.path / "manifest.json").stat().st_mtime_ns
            except OSError:  # just replaced by another process
                continue
        return None

    def listing(self) -> dict[str, tuple[float, bool]]:
        """By hash, when a run was written, in epoch seconds, and whether it ships; an own run hides one that ships."""
        listing: dict[str, tuple[float, bool]] = {}
        for place, shipped in ((self.shipped, True), (self.root, False)):
            if place is None or not place.is_dir():
                continue
            for folder in place.iterdir():
                if not is_hash(folder.name):
                    continue
                try:
                    listing[folder.name] = ((folder / "manifest.json").stat().st_mtime, shipped)
                except OSError:  # not a whole run, or just replaced by another process
                    continue
        return listing
