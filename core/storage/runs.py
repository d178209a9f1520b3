"""Finished runs on disk, found by the hash of their spec.

One folder a run, written by `Result.write`, and an SQLite index of what a list shows. The folders are the
truth: the index is compared with them at every listing and built again where it is lost or damaged.

Beside the runs lie marks, empty files by hash, which outlive a run that is made again: `pinned` for what is never
deleted to make room, `used` for when a run was last read.
"""

import builtins
import errno
import fcntl
import hashlib
import json
import logging
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.experiments.result import Result
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import retention
from core.system.arrays import Array
from core.system.errors import SpecError, StoreError
from core.system.paths import GALLERY

log = logging.getLogger(__name__)

_PAUSES = (0.02, 0.2)
"""Seconds after which a folder that seems damaged or gone is looked at again."""
_HASH = re.compile(r"[0-9a-f]{16}")
_LEFTOVER_SECONDS = 3600.0
YOUNG_SECONDS = 300.0
"""After a run was written or read it stays for so long, however little room there is: someone is looking at it."""
_NOTE_SECONDS = 60.0
"""A use is noted once in so long: finer than this the order of uses does not matter."""
_RACE = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY}
_Value = TypeVar("_Value")


class _DamagedError(Exception):
    """A file of a run is not what its manifest says."""


@dataclass(frozen=True)
class RunRow:
    """What a list shows of a run; accuracies are fractions in [0, 1], `created` is in epoch seconds."""

    hash: str
    data: str
    extractor: str
    attack: str
    budget: float
    constraint: str
    label_rule: str
    seed: int
    clean_accuracy: float
    poisoned_accuracy: float
    created: float
    shipped: bool


@dataclass(frozen=True)
class StoredRun:
    """One finished run on disk.

    Attributes:
        folder: where it lies; see `core.experiments.result` for the files.
        shipped: it is read-only and may lack `features.npz`: it came with the project, or is a folder that a
            person named (`load`).
        result: the content of result.json, this object's own copy.
    """

    folder: Path
    shipped: bool
    result: dict[str, Any]

    @property
    def hash(self) -> str:
        """The hash of the spec, which names the folder of a store."""
        return str(self.result["spec_hash"])

    @cached_property
    def spec(self) -> ExperimentSpec:
        """The experiment that was run."""
        return parse_spec(self.result["spec"])

    def view(self) -> dict[str, Array]:
        """The arrays that the app draws: see `core.experiments.result.Result.view`.

        Raises:
            StoreError: the file is missing or damaged; so for `poison` and `features`.
        """
        return self._arrays("view.npz")

    def poison(self) -> dict[str, Array]:
        """`y` and `base_index` (m,), and `x` (m, C, H, W) float32 in [0, 1] where the attack makes images."""
        return self._arrays("poison.npz")

    def features(self) -> dict[str, Array]:
        """What the heads were fitted on: `train_z`, `train_y`, `poison_z`, `poison_y`, `test_z`, `test_y`."""
        return self._arrays("features.npz")

    def images(self) -> builtins.list[Path]:
        """The poison as PNG files, in the order of its rows; empty where the attack makes no images."""
        return sorted((self.folder / "poison").glob("*.png"))

    def file(self, name: str) -> bytes:
        """One file, by its path in the folder, as the manifest says that it must be.

        Raises:
            StoreError: the file is missing or damaged.
        """
        if not (self.folder / name).exists():
            raise StoreError(f"{name} of run {self.hash} isn't stored; run the experiment again to have it.")
        if not self.shipped:
            _note_use(self.folder)
        try:
            return _retried(partial(_verified, self.folder, name))
        except _DamagedError as error:
            if _is_gone(self.folder):
                raise StoreError(f"Run {self.hash} isn't stored any more; run the experiment again.") from error
            if not self.shipped:
                _set_aside(self.folder, str(error))
            raise StoreError(f"Run {self.hash} is damaged ({error}); run the experiment again.") from error

    def _arrays(self, name: str) -> dict[str, Array]:
        with np.load(BytesIO(self.file(name)), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}


class Store:
    """Finished runs, by spec hash; safe to use from several threads and processes at once.

    Args:
        root: the folder of runs; made when missing.
        shipped: a read-only folder of runs that came with the project, or None.
    """

    def __init__(self, root: Path, shipped: Path | None = GALLERY) -> None:
        self.root = root
        self.shipped = shipped
        root.mkdir(parents=True, exist_ok=True)
        self._foreign: set[tuple[str, float]] = set()
        _remove_leftovers(root)

    def put(self, result: Result) -> StoredRun:
        """Write a result; one of the same spec is replaced.

        Raises:
            StoreError: the folder can't be written, e.g. the disk is full.
        """
        folder = self.root / result.spec.hash
        try:
            _write(result, folder)
        except OSError as error:
            raise StoreError(
                f"The result can't be written to {self.root} ({error}); free space or set POISON_LAB_HOME."
            ) from error
        return StoredRun(folder, False, json.loads(json.dumps(result.summary())))

    def get(self, spec_hash: str) -> StoredRun | None:
        """The run of a spec; None where there is none, or where it was damaged and has been set aside.

        result.json is checked here, the other files when they are first read.
        """
        run = self._read(spec_hash)
        if run is not None and not run.shipped:
            _note_use(run.folder)
        return run

    def _read(self, spec_hash: str) -> StoredRun | None:
        """As `get`, but for the store's own sake: it is no use of the run."""
        for folder, shipped in self._places(spec_hash):
            try:
                result = _retried(partial(_read_stored, folder, shipped))
            except _DamagedError as error:
                if shipped:
                    log.warning("Shipped run %s is damaged: %s", folder, error)
                elif not _is_gone(folder):
                    _set_aside(folder, str(error))
                continue
            if _is_current(result):
                return StoredRun(folder, shipped, result)
        return None

    def __contains__(self, spec_hash: object) -> bool:
        """Whether there is a folder of this run; its files are not checked."""
        return isinstance(spec_hash, str) and bool(self._places(spec_hash))

    def written(self, spec_hash: str) -> int | None:
        """When the folder of a run was written, in nanoseconds of the epoch; None where there is none."""
        for folder, _ in self._places(spec_hash):
            try:
                return (folder / "manifest.json").stat().st_mtime_ns
            except OSError:  # just replaced by another process
                continue
        return None

    def list(
        self,
        *,
        data: str | None = None,
        extractor: str | None = None,
        attack: str | None = None,
        limit: int | None = None,
    ) -> builtins.list[RunRow]:
        """Runs, newest first; only those of the given data set, extractor and attack, at most `limit`."""
        wanted = {"data": data, "extractor": extractor, "attack": attack}
        chosen = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in chosen) or "1"
        query = f"SELECT * FROM runs WHERE {where} ORDER BY created DESC, hash LIMIT ?"
        values = (*chosen.values(), -1 if limit is None else limit)
        try:
            with self._index() as index:
                self._reconcile(index)
                rows = index.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:  # e.g. the disk is full: the folders are there all the same
            log.warning("The index in %s can't be used (%s); reading every run", self.root, error)
            with closing(_connect(Path(":memory:"))) as index:
                self._reconcile(index)
                rows = index.execute(query, values).fetchall()
        return [RunRow(*(*row[:-1], bool(row[-1]))) for row in rows]

    def use(self, spec_hash: str) -> None:
        """Note that a run is being looked at, though its files need not be read again."""
        if self._is_own(spec_hash):
            _note_use(self.root / spec_hash)

    def pin(self, spec_hash: str) -> None:
        """Keep a run for good: `clean` never deletes it. It stays pinned when it is made again.

        Raises:
            StoreError: there is no such run, it ships, or the disk can't be written.
        """
        with self._locked():
            if not self._is_own(spec_hash):
                ships = bool(self._places(spec_hash))
                reason = "ships with Poison Lab and is never deleted" if ships else "isn't stored"
                raise StoreError(f"Run {spec_hash} {reason}; only runs of this store can be pinned.")
            try:
                _mark(self.root / "pinned" / spec_hash)
            except OSError as error:
                raise StoreError(f"Run {spec_hash} can't be pinned: {error.strerror}.") from error

    def unpin(self, spec_hash: str) -> None:
        """Let a run go when room is needed; nothing happens where it was not pinned.

        Raises:
            StoreError: there is no such run, or the disk can't be written.
        """
        if not self.is_pinned(spec_hash) and not self._places(spec_hash):
            raise StoreError(f"Run {spec_hash} isn't stored, so there is nothing to unpin.")
        with self._locked():
            try:
                (self.root / "pinned" / spec_hash).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"Run {spec_hash} can't be unpinned: {error.strerror}.") from error

    def is_pinned(self, spec_hash: str) -> bool:
        """Whether a run is never deleted to make room."""
        return bool(_HASH.fullmatch(spec_hash)) and (self.root / "pinned" / spec_hash).exists()

    def pieces(self) -> builtins.list[retention.Piece]:
        """All that can be deleted: the runs by hash, what was damaged as `damaged/…`; not what ships."""
        own = {name: created for name, (created, shipped) in self._folders().items() if not shipped}
        sizes = self._sizes(own)
        pieces = [
            retention.Piece(name, sizes[name], max(created, _last_use(self.root / name)), self.is_pinned(name))
            for name, created in own.items()
        ]
        aside = self.root / "damaged"
        for folder in aside.iterdir() if aside.is_dir() else ():
            kept = self.is_pinned(folder.name.partition("-")[0])
            pieces.append(retention.Piece(f"damaged/{folder.name}", retention.size_of(folder), 0.0, kept))
        return pieces

    def clean(self, limit: int, *, keep: Iterable[str] = (), dry_run: bool = False) -> retention.Cleaned:
        """Delete what was damaged, then the runs that were used least recently, until the rest takes `limit` bytes.

        Never those that are pinned or ship, nor what was written or read in the last `YOUNG_SECONDS`. What is
        deleted is gone at once and whole, so that a reader finds a run or none. Of several processes that clean
        one store, one goes after the other.

        Args:
            limit: in bytes.
            keep: hashes of runs that stay as well.
            dry_run: only say what would go.
        """
        moved: builtins.list[Path] = []

        def remove(piece: retention.Piece) -> bool:
            if piece.name in kept:
                return False
            if dry_run:
                return True
            work = self._take_out(piece)
            if work is not None:
                moved.append(work)
            return work is not None

        kept = set(keep)
        with self._locked():
            cleaned = retention.make(self.pieces(), limit, remove, now=time.time(), young=YOUNG_SECONDS)
        for work in moved:
            shutil.rmtree(work, ignore_errors=True)
            if work.exists():
                log.warning("%s can't be deleted; this is tried again later", work)
        if cleaned.gone and not dry_run:
            count, freed = len(cleaned.gone), retention.words(cleaned.freed)
            log.info("Runs deleted to make room: %d, %s", count, freed, extra={"runs": count, "bytes": cleaned.freed})
        if cleaned.size > limit:
            log.warning(
                "The runs in %s take %s, %s are allowed: what is left is pinned or in use",
                *(self.root, retention.words(cleaned.size), retention.words(limit)),
            )
        return cleaned

    def _take_out(self, piece: retention.Piece) -> Path | None:
        """Rename a folder, in one step, to a name that is no run's; None where it stays after all."""
        folder = self.root / piece.name
        if max(_last_write(folder), _last_use(folder)) > piece.used > 0:  # since it was listed
            return None
        work = self.root / f".{folder.name}.gone.{uuid.uuid4().hex[:8]}"
        try:
            folder.rename(work)
        except OSError as error:
            log.warning("Run %s can't be deleted: %s", folder.name, error)
            return None
        with suppress(OSError):
            _use_mark(folder).unlink()
        return work

    def _is_own(self, spec_hash: str) -> bool:
        return any(not shipped for _, shipped in self._places(spec_hash))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time decides what goes and what is pinned; where files can't be locked, on trust."""
        try:
            file = (self.root / ".lock").open("w")
        except OSError:  # nothing can be written here, so nothing can be deleted either
            yield
            return
        with file:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)  # closing the file lets go of it
            yield

    def _sizes(self, folders: dict[str, float]) -> dict[str, int]:
        """Bytes of each run on disk; measured once, as a run's folder never changes but is replaced."""
        found: dict[str, int] = {}
        try:
            with self._index() as index:
                known = {row[0]: row[1:] for row in index.execute("SELECT hash, created, bytes FROM sizes")}
                for name, created in folders.items():
                    measured, size = known.get(name, (None, 0))
                    if measured != created:
                        size = retention.size_of(self.root / name)
                        index.execute("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", (name, created, size))
                    found[name] = size
                for name in known.keys() - folders.keys():
                    index.execute("DELETE FROM sizes WHERE hash = ?", (name,))
        except (OSError, sqlite3.Error) as error:  # e.g. the disk is full: all the more reason to make room
            log.warning("The index in %s can't be used (%s)", self.root, error)
            return {name: retention.size_of(self.root / name) for name in folders}
        return found

    def _places(self, spec_hash: str) -> builtins.list[tuple[Path, bool]]:
        if not _HASH.fullmatch(spec_hash):
            return []
        places = [(self.root / spec_hash, False)]
        if self.shipped is not None:
            places.append((self.shipped / spec_hash, True))
        return [(folder, shipped) for folder, shipped in places if (folder / "manifest.json").is_file()]

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """A connection to a sound index, committed at the end; a damaged file is deleted and made anew."""
        path = self.root / "index.sqlite"
        try:
            connection = _connect(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            log.warning("The index %s is damaged (%s); building it again", path, error)
            for suffix in ("", "-journal", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            connection = _connect(path)
        with closing(connection), connection:
            yield connection

    def _reconcile(self, index: sqlite3.Connection) -> None:
        """Make the rows of the index those of the folders."""
        folders = self._folders()
        known = {row[0]: row[1:] for row in index.execute("SELECT hash, created, shipped FROM runs")}
        for pause in _PAUSES:
            if known.keys() <= folders.keys():
                break
            time.sleep(pause)  # for a moment, a folder that another process replaces is not there
            folders |= self._folders()
        for spec_hash in known.keys() - folders.keys():
            index.execute("DELETE FROM runs WHERE hash = ?", (spec_hash,))
        for spec_hash, (created, shipped) in folders.items():
            if known.get(spec_hash) == (created, shipped) or (spec_hash, created) in self._foreign:
                continue
            run = self._read(spec_hash)
            if run is not None:
                row = astuple(_row(run, created))
                index.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(row))})", row)
            else:
                self._foreign.add((spec_hash, created))
                index.execute("DELETE FROM runs WHERE hash = ?", (spec_hash,))

    def _folders(self) -> dict[str, tuple[float, bool]]:
        """When each run on disk was made and whether it is shipped; a person's own hides a shipped one."""
        found: dict[str, tuple[float, bool]] = {}
        for place, shipped in ((self.shipped, True), (self.root, False)):
            if place is None or not place.is_dir():
                continue
            for folder in place.iterdir():
                if not _HASH.fullmatch(folder.name):
                    continue
                try:
                    found[folder.name] = ((folder / "manifest.json").stat().st_mtime, shipped)
                except OSError:  # not a whole run, or just replaced by another process
                    continue
        return found


_NOTED: dict[Path, float] = {}
"""When the use of a run was last noted by this process, in monotonic seconds."""


def _use_mark(folder: Path) -> Path:
    return folder.parent / "used" / folder.name


def _note_use(folder: Path) -> None:
    """Note that a run of a store is used now; without a word where that can't be written."""
    now = time.monotonic()
    if now - _NOTED.get(folder, -_NOTE_SECONDS) < _NOTE_SECONDS:
        return
    _NOTED[folder] = now
    with suppress(OSError):
        _mark(_use_mark(folder))


def _mark(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()


def _last_use(folder: Path) -> float:
    """When a run was last read, in epoch seconds; 0 where it never was."""
    try:
        return _use_mark(folder).stat().st_mtime
    except OSError:
        return 0.0


def _last_write(folder: Path) -> float:
    """When a run was written, in epoch seconds; 0 where it is not there."""
    try:
        return (folder / "manifest.json").stat().st_mtime
    except OSError:
        return 0.0


def _is_gone(folder: Path) -> bool:
    """Whether a run that can't be read was deleted meanwhile: whole, as the store does it."""
    return not (folder / "manifest.json").exists()


def load(folder: Path) -> StoredRun:
    """A run in a folder of any name, as the command line writes it; nothing of it is ever moved.

    Raises:
        StoreError: it is not a run's folder, or it is damaged or of another version.
    """
    if not (folder / "manifest.json").is_file():
        raise StoreError(f"{folder} is not a run's folder: it has no manifest.json.")
    try:
        result = _read_result(folder, shipped=True)
    except _DamagedError as error:
        raise StoreError(f"The run in {folder} is damaged ({error}); run the experiment again.") from error
    if not _is_current(result):
        raise StoreError(f"The run in {folder} is of another version of Poison Lab; run the experiment again.")
    return StoredRun(folder, True, result)


_CHECKED: dict[Path, tuple[int, int, str]] = {}
"""Size, time and checksum of files whose content was compared with the manifest, in this process."""


def _verified(folder: Path, name: str) -> bytes:
    """The content of a file, compared with the manifest unless that was done since it last changed."""
    path = folder / name
    try:
        wanted = _manifest(folder)[name]
        stat = path.stat()
        content = path.read_bytes()
    except (OSError, KeyError) as error:
        raise _DamagedError(f"{name} is missing") from error
    stamp = (stat.st_size, stat.st_mtime_ns, wanted)
    if _CHECKED.get(path) != stamp:
        if hashlib.sha256(content).hexdigest() != wanted:
            raise _DamagedError(f"{name} does not have the checksum of its manifest")
        _CHECKED[path] = stamp
    return content


def _manifest(folder: Path) -> dict[str, str]:
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _DamagedError("manifest.json can't be read") from error
    if not isinstance(manifest, dict):
        raise _DamagedError("manifest.json is not a table of checksums")
    return manifest


def _read_result(folder: Path, shipped: bool) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(_verified(folder, "result.json"))
    missing = [name for name in _manifest(folder) if not (folder / name).is_file()]
    if shipped and "features.npz" in missing:
        missing.remove("features.npz")
    if missing:
        raise _DamagedError(f"{missing[0]} is missing")
    return result


def _read_stored(folder: Path, shipped: bool) -> dict[str, Any]:
    """The result of a folder of a store, which its hash names."""
    result = _read_result(folder, shipped)
    if result.get("spec_hash") != folder.name:
        raise _DamagedError("result.json is of another run")
    return result


def _is_current(result: dict[str, Any]) -> bool:
    """Whether this version of Poison Lab would give the spec the same hash."""
    try:
        return bool(parse_spec(result["spec"]).hash == result["spec_hash"])
    except SpecError:
        return False


def _retried(read: Callable[[], _Value]) -> _Value:
    """Read again where a check fails: another process may just be replacing the folder."""
    for pause in _PAUSES:
        try:
            return read()
        except _DamagedError:
            time.sleep(pause)
    return read()


def _write(result: Result, folder: Path) -> None:
    """Write a run, again where another process wrote the same one at the same moment."""
    for _ in range(5):
        try:
            return result.write(folder)
        except OSError as error:
            if error.errno not in _RACE:
                raise
    return result.write(folder)


def _set_aside(folder: Path, reason: str) -> None:
    damaged = folder.parent / "damaged"
    damaged.mkdir(exist_ok=True)
    target = damaged / f"{folder.name}-{uuid.uuid4().hex[:8]}"
    log.warning("Run %s is damaged (%s); moved to %s", folder.name, reason, target)
    try:
        folder.rename(target)
    except FileNotFoundError:  # another process was first
        log.info("Run %s was already moved", folder.name)


def _remove_leftovers(root: Path) -> None:
    """Delete the work folders of writes that were killed."""
    for folder in root.glob(".*"):
        try:
            old = time.time() - folder.stat().st_mtime > _LEFTOVER_SECONDS
        except FileNotFoundError:  # the write just ended
            continue
        if folder.is_dir() and old:
            shutil.rmtree(folder, ignore_errors=True)


def _row(run: StoredRun, created: float) -> RunRow:
    spec = run.result["spec"]
    return RunRow(
        hash=run.hash,
        data=spec["data"],
        extractor=spec["extractor"],
        attack=spec["attack"]["name"],
        budget=spec["budget"],
        constraint=spec["constraint"],
        label_rule=spec["label_rule"],
        seed=spec["seed"],
        clean_accuracy=run.result["clean"]["accuracy"],
        poisoned_accuracy=run.result["poisoned"]["accuracy"],
        created=created,
        shipped=run.shipped,
    )


_COLUMNS = [f'"{field.name}"' for field in fields(RunRow)]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30)
    try:
        # Machines that share the folder may not share memory, as a write-ahead log has to.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"CREATE TABLE IF NOT EXISTS runs ({', '.join(_COLUMNS)}, PRIMARY KEY (hash))")
        connection.execute("CREATE TABLE IF NOT EXISTS sizes (hash, created, bytes, PRIMARY KEY (hash))")
        columns = [f'"{row[1]}"' for row in connection.execute("PRAGMA table_info(runs)")]
        if columns != _COLUMNS:
            raise sqlite3.DatabaseError("it has the columns of another version")
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it fails SQLite's check")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
