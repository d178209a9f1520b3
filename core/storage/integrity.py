"""A run's folder and its manifest: what is read is what was written, or is set aside as damaged."""

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
"""Seconds after which a folder that seems damaged or gone is looked at again."""
_VERIFIED: dict[Path, tuple[int, int, str]] = {}
"""Size, time and checksum of files whose content was compared with the manifest, in this process."""
_Value = TypeVar("_Value")


class DamagedError(Exception):
    """A file of a run is not what its manifest says."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run, see `core.experiments.run_folder` for its files.

    Attributes:
        path: where it lies.
        shipped: it is read-only and may lack `features.npz`.
    """

    path: Path
    shipped: bool

    @property
    def exists(self) -> bool:
        """Whether there is a whole run: its manifest is written last, and a run is deleted whole."""
        return (self.path / "manifest.json").is_file()

    def manifest(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path in the folder.

        Raises:
            DamagedError: it can't be read or is no such table.
        """
        try:
            manifest = json.loads((self.path / "manifest.json").read_bytes())
        except (OSError, ValueError) as error:
            raise DamagedError("manifest.json can't be read") from error
        if not isinstance(manifest, dict):
            raise DamagedError("manifest.json is not a table of checksums")
        return manifest

    def read(self, name: str) -> bytes:
        """The content of a file, compared with the manifest unless that was done since it last changed.

        Raises:
            DamagedError: it is missing or has another checksum.
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
        """The content of result.json, where every file of the manifest is there.

        Raises:
            DamagedError: a file is missing, or result.json has another checksum.
        """
        result: dict[str, Any] = json.loads(self.read("result.json"))
        missing = [name for name in self.manifest() if not (self.path / name).is_file()]
        if self.shipped and "features.npz" in missing:
            missing.remove("features.npz")
        if missing:
            raise DamagedError(f"{missing[0]} is missing")
        return result

    def read_stored_result(self) -> dict[str, Any]:
        """As `read_result`, of a folder of a store, which is named by the hash of its spec.

        Raises:
            DamagedError: also where result.json is of another run.
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
        """Move a damaged run of a store into its folder `damaged`."""
        damaged = self.path.parent / "damaged"
        damaged.mkdir(exist_ok=True)
        target = damaged / f"{self.path.name}-{uuid.uuid4().hex[:8]}"
        log.warning("Run %s is damaged (%s); moved to %s", self.path.name, reason, target)
        try:
            self.path.rename(target)
        except FileNotFoundError:  # another process was first
            log.info("Run %s was already moved", self.path.name)


def retried(read: Callable[[], _Value]) -> _Value:
    """Read again where a check fails: another process may just be replacing the folder.

    Raises:
        DamagedError: it fails still.
    """
    for pause in PAUSES:
        try:
            return read()
        except DamagedError:
            time.sleep(pause)
    return read()


def is_current(result: dict[str, Any]) -> bool:
    """Whether this version of Poison Lab would give the spec of a result.json the same hash."""
    try:
        return bool(parse_spec(result["spec"], stored=True).hash == result["spec_hash"])
    except SpecError:
        return False
