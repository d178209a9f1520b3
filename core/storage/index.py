"""An SQLite index of the columns that lists of runs show.

It is synchronised with the folders at every listing, and rebuilt if it is lost or damaged.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from core.storage.folders import RunFolders
from core.storage.integrity import PAUSES
from core.storage.stored_run import StoredRun
from core.system import retention
from core.system.errors import StoreError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunRow:
    """A run in a list; accuracies are fractions in [0, 1], `created` is in epoch seconds."""

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


_COLUMNS = [f'"{field.name}"' for field in fields(RunRow)]


class RunIndex:
    """The index of a store, in `index.sqlite` beside its folders.

    Args:
        folders: the runs.
    """

    def __init__(self, folders: RunFolders) -> None:
        self._folders = folders
        self._path = folders.root / "index.sqlite"
        self._foreign: set[tuple[str, float]] = set()
        """Hash and time of folders written by incompatible versions; they are read only once."""

    def rows(self, criteria: Mapping[str, str], limit: int | None = None) -> list[RunRow]:
        """Runs, newest first.

        Args:
            criteria: required values by column.
            limit: maximum number of rows; None for all.
        """
        where = " AND ".join(f"{name} = ?" for name in criteria) or "1"
        query = f"SELECT * FROM runs WHERE {where} ORDER BY created DESC, hash LIMIT ?"
        values = (*criteria.values(), -1 if limit is None else limit)
        try:
            with self._opened() as connection:
                self._reconcile(connection)
                rows = connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:  # e.g. the disk is full; the folders can still be read
            log.warning("The index in %s can't be used (%s); reading every run", self._path.parent, error)
            with closing(_connect(Path(":memory:"))) as connection:
                self._reconcile(connection)
                rows = connection.execute(query, values).fetchall()
        return [RunRow(*(*row[:-1], bool(row[-1]))) for row in rows]

    def sizes(self, created: Mapping[str, float]) -> dict[str, int]:
        """Size of each run in bytes; measured once, as the folder of a run is replaced but never modified.

        Args:
            created: time at which each run was written, in epoch seconds, by hash.
        """
        root = self._folders.root
        sizes: dict[str, int] = {}
        try:
            with self._opened() as connection:
                known = {row[0]: row[1:] for row in connection.execute("SELECT hash, created, bytes FROM sizes")}
                for name, time_written in created.items():
                    time_measured, size = known.get(name, (None, 0))
                    if time_measured != time_written:
                        size = retention.size_of(root / name)
                        values = (name, time_written, size)
                        connection.execute("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", values)
                    sizes[name] = size
                for name in known.keys() - created.keys():
                    connection.execute("DELETE FROM sizes WHERE hash = ?", (name,))
        except (OSError, sqlite3.Error) as error:  # e.g. the disk is full, when cleaning matters most
            log.warning("The index in %s can't be used (%s)", root, error)
            return {name: retention.size_of(root / name) for name in created}
        return sizes

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to an intact index, committed at the end; a damaged file is deleted and rebuilt."""
        try:
            connection = _connect(self._path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            log.warning("The index %s is damaged (%s); rebuilding it", self._path, error)
            for suffix in ("", "-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            connection = _connect(self._path)
        with closing(connection), connection:
            yield connection

    def _reconcile(self, connection: sqlite3.Connection) -> None:
        """Synchronise the rows of the index with the folders."""
        listing = self._folders.listing()
        known = {row[0]: row[1:] for row in connection.execute("SELECT hash, created, shipped FROM runs")}
        for pause in PAUSES:
            if known.keys() <= listing.keys():
                break
            time.sleep(pause)  # a folder that another process is replacing is briefly missing
            listing |= self._folders.listing()
        for spec_hash in known.keys() - listing.keys():
            connection.execute("DELETE FROM runs WHERE hash = ?", (spec_hash,))
        for spec_hash, (created, shipped) in listing.items():
            if known.get(spec_hash) == (created, shipped) or (spec_hash, created) in self._foreign:
                continue
            row = self._read(spec_hash, created)
            if row is not None:
                values = astuple(row)
                connection.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(values))})", values)
            else:
                self._foreign.add((spec_hash, created))
                connection.execute("DELETE FROM runs WHERE hash = ?", (spec_hash,))

    def _read(self, spec_hash: str, created: float) -> RunRow | None:
        """The row of a run; None if this version can't read its folder."""
        run = self._folders.read(spec_hash)
        try:
            return None if run is None else _row(run, created)
        except StoreError as error:
            log.warning("A run is left out of lists: %s", error)
            return None


def _row(run: StoredRun, created: float) -> RunRow:
    spec, summary = run.spec, run.summary
    return RunRow(
        hash=run.hash,
        data=spec.data,
        extractor=spec.extractor,
        attack=spec.attack.name,
        budget=spec.budget,
        constraint=spec.constraint,
        label_rule=spec.label_rule,
        seed=spec.seed,
        clean_accuracy=summary.clean.accuracy,
        poisoned_accuracy=summary.poisoned.accuracy,
        created=created,
        shipped=run.shipped,
    )


def _connect(path: Path) -> sqlite3.Connection:
    """Open an index, and create missing tables.

    Raises:
        sqlite3.OperationalError: the file can't be opened or written.
        sqlite3.DatabaseError: it is damaged, or was written by another version.
    """
    connection = sqlite3.connect(path, timeout=30)
    try:
        # A write-ahead log needs shared memory, which machines that share the folder don't have.
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
