"""Reading a run's folder, verified by its manifest; damaged runs are quarantined."""

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.spec.experiment import parse_spec
from core.system.errors import SpecError

log = logging.getLogger(__name__)

PAUSES = (0.02, 0.2)
"""Delays in seconds before retrying to read a folder that seems damaged or missing."""
_VERIFIED: dict[Path, tuple[int, int, str]] = {}
"""Size, time and checksum of the files that this process has verified against their manifest."""
_Value = TypeVar("_Value")


class DamagedError(Exception):
    """A file of a run does not match its manifest."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run, see `core.experiments.run_folder` for its files.

    Attributes:
        path: of the folder.
        shipped: whether it is read-only and may lack `features.npz`.
    """

    path: Path
    shipped: bool

    @property
    def exists(self) -> bool:
        """Whether there is a complete run: the manifest is written last, and runs are deleted atomically."""
        return (self.path / "manifest.json").is_file()

    def manifest(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path in the folder.

        Raises:
            DamagedError: the manifest can't be read.
        """
        try:
            manifest = json.loads((self.path / "manifest.json").read_bytes())
        except (OSError, ValueError) as error:
            raise DamagedError("manifest.json can't be read") from error
        if not isinstance(manifest, dict):
            raise DamagedError("manifest.json is not a table of checksums")
        return manifest

    def read(self, name: str) -> bytes:
        """The content of a file, verified against the manifest unless it is unchanged since the last time.

        Raises:
            DamagedError: it is missing or has the wrong checksum.
        """
        path = self.path / name
        try:
            expected = self.manifest()[name]
            stat = path.stat()
            content = path.read_bytes()
        except (OSError, KeyError) as error:
            raise DamagedError(f"{name} is missing") from error
        stamp = (stat.st_size, stat.st_mtime_ns, expected)
        if _VERIFIED.get(path) != stamp:
            if hashlib.sha256(content).hexdigest() != expected:
                raise DamagedError(f"{name} does not have the checksum of its manifest")
            _VERIFIED[path] = stamp
        return content

    def read_result(self) -> dict[str, Any]:
        """The content of result.json, provided that every file of the manifest exists.

        Raises:
            DamagedError: a file is missing, or result.json has the wrong checksum.
        """
        result: dict[str, Any] = json.loads(self.read("result.json"))
        missing = [name for name in self.manifest() if not (self.path / name).is_file()]
        if self.shipped and "features.npz" in missing:
            missing.remove("features.npz")
        if missing:
            raise DamagedError(f"{missing[0]} is missing")
        return result

    def read_stored_result(self) -> dict[str, Any]:
        """Like `read_result`, for a folder of a store, whose name is the hash of its spec.

        Raises:
            DamagedError: also if result.json belongs to another run.
        """
        result = self.read_result()
        if result.get("spec_hash") != self.path.name:
            raise DamagedError("result.json is of another run")
        return result

    def verify(self) -> None:
        """Compare every file of the run with the manifest.

        Raises:
            DamagedError: one is missing or has another checksum, or result.json is of another run.
        """
        self.read_stored_result()
        for name in self.manifest():
            if (self.path / name).is_file():  # of what is missing, `read_result` knows what has to be there
                self.read(name)

    def set_aside(self, reason: str) -> None:
        """Quarantine a damaged run: move it into the store's folder `damaged`."""
        damaged = self.path.parent / "damaged"
        damaged.mkdir(exist_ok=True)
        target = damaged / f"{self.path.name}-{uuid.uuid4().hex[:8]}"
        log.warning("Run %s is damaged (%s); moved to %s", self.path.name, reason, target)
        try:
            self.path.rename(target)
        except FileNotFoundError:  # another process was first
            log.info("Run %s was already moved", self.path.name)


def retried(read: Callable[[], _Value]) -> _Value:
    """Retry a failing read, as another process may be replacing the folder.

    Raises:
        DamagedError: it still fails.
    """
    for pause in PAUSES:
        try:
            return read()
        except DamagedError:
            time.sleep(pause)
    return read()


def is_current(result: dict[str, Any]) -> bool:
    """Whether this version computes the same hash for the spec of a result.json."""
    try:
        return bool(parse_spec(result["spec"], stored=True).hash == result["spec_hash"])
    except SpecError:
        return False
