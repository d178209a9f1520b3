"""Settings of a server, from its environment: one table of all numbers, their bounds and what they mean."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.system.errors import SettingError


@dataclass(frozen=True)
class Setting:
    """A whole number that the environment may change.

    Attributes:
        name: of the variable.
        default: where it is not set.
        low, high: bounds, both included.
        meaning: in a line, as the README has it.
    """

    name: str
    default: int
    low: int
    high: int
    meaning: str

    def read(self) -> int:
        """Its value now.

        Raises:
            SettingError: it is no whole number, or out of bounds.
        """
        text = os.environ.get(self.name, "").strip()
        if not text:
            return self.default
        try:
            value = int(text)
        except ValueError:
            value = self.low - 1
        if not self.low <= value <= self.high:
            raise SettingError(f"{self.name} is {text!r}; allowed: a whole number from {self.low} to {self.high}.")
        return value


WORKERS = Setting(
    "POISON_LAB_WORKERS", 1, 1, 64, "worker processes on this machine, i.e. runs at a time; they share the cores"
)
PERSON_RUNS = Setting(
    "POISON_LAB_PERSON_RUNS", 64, 1, 100_000, "runs that one person may have in flight, waiting ones included"
)
ALL_RUNS = Setting("POISON_LAB_ALL_RUNS", 1000, 1, 1_000_000, "runs that all people together may have in flight")
RUN_SECONDS = Setting(
    "POISON_LAB_RUN_SECONDS",
    *(4 * 3600, 1, 10**9),
    "seconds that a run may be expected to take; a longer one is refused by the app, never by the command line",
)
STORE_MEGABYTES = Setting(
    "POISON_LAB_STORE_MEGABYTES",
    *(20_000, 100, 10**9),
    "megabytes that finished runs may take; beyond, what was used least recently is deleted, never what is pinned or "
    "ships",
)
CACHE_MEGABYTES = Setting(
    "POISON_LAB_CACHE_MEGABYTES",
    *(20_000, 100, 10**9),
    "megabytes that cached features, maps and decoders may take; beyond, what was used least recently is deleted",
)
MODEL_MEGABYTES = Setting(
    "POISON_LAB_MODEL_MEGABYTES",
    *(500, 0, 10**6),
    "megabytes of extractors that each worker process holds between runs, on its GPU where it has one; beyond, what "
    "was used least recently is let go",
)
SETTINGS = (WORKERS, PERSON_RUNS, ALL_RUNS, RUN_SECONDS, STORE_MEGABYTES, CACHE_MEGABYTES, MODEL_MEGABYTES)
"""All numbers, in the order of the README."""
PLUGINS = "POISON_LAB_PLUGINS"
LOG_FORMS = ("text", "json")


@dataclass(frozen=True)
class Limits:
    """What the engine lets people ask for, and how much of the disk it takes.

    Attributes:
        person_runs, all_runs: most runs in flight of one person, and of all.
        run_seconds: most seconds that a run may be expected to take.
        store_megabytes, cache_megabytes: what finished runs and the cache may take on the disk.
    """

    person_runs: int = PERSON_RUNS.default
    all_runs: int = ALL_RUNS.default
    run_seconds: float = RUN_SECONDS.default
    store_megabytes: int = STORE_MEGABYTES.default
    cache_megabytes: int = CACHE_MEGABYTES.default

    @classmethod
    def read(cls) -> "Limits":
        """Those of this server; errors as of `Setting.read`."""
        limits = (PERSON_RUNS, ALL_RUNS, RUN_SECONDS, STORE_MEGABYTES, CACHE_MEGABYTES)
        return cls(*(limit.read() for limit in limits))


def scheduler() -> str:
    """Address of the dask scheduler on whose workers runs execute, `POISON_LAB_SCHEDULER`; "" is this machine."""
    return os.environ.get("POISON_LAB_SCHEDULER", "").strip()


def plugins() -> list[Path]:
    """Files of attacks and defences from outside, `POISON_LAB_PLUGINS`, separated as the folders of PATH are."""
    return [Path(text) for part in os.environ.get(PLUGINS, "").split(os.pathsep) if (text := part.strip())]


def may_enter(email: str) -> bool:
    """Whether somebody who has logged in may use the lab: `POISON_LAB_ALLOWED` lists addresses and domains.

    Args:
        email: the address that the login vouches for; "" where there is none.
    """
    allowed = [one.strip().lower() for one in os.environ.get("POISON_LAB_ALLOWED", "").split(",") if one.strip()]
    address = email.lower()
    return not allowed or ("@" in address and (address in allowed or address.rpartition("@")[2] in allowed))


def log_form() -> str:
    """How server and workers log, `POISON_LAB_LOG`: "text" or "json".

    Raises:
        SettingError: anything else.
    """
    text = os.environ.get("POISON_LAB_LOG", "").strip() or "text"
    if text not in LOG_FORMS:
        raise SettingError(f"POISON_LAB_LOG is {text!r}; allowed: {' or '.join(LOG_FORMS)}.")
    return text
