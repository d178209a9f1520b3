"""Settings of a server, from its environment: one model of all variables, their bounds, defaults and meanings.

Each function reads the environment when it is called, and refuses only what it was asked for: a variable that is out
of bounds stops nothing that does not need it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.system.errors import SettingError

LogForm = Literal["text", "json"]
Whole = Annotated[int, BeforeValidator(int)]
"""A whole number as Python writes one; pydantic by itself would also take "1.0"."""


def variable(name: str) -> str:
    """The variable of the environment that sets a field of `Settings`."""
    return f"POISON_LAB_{name.upper()}"


def _names(text: str | frozenset[str]) -> frozenset[str]:
    if isinstance(text, frozenset):
        return text
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())


def _paths(text: str | tuple[Path, ...]) -> tuple[Path, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())


class Settings(BaseSettings):
    """What the environment may change: `POISON_LAB_` and the name of the field in capitals.

    The description of a number is the line that docs/operating.md has of it.
    """

    model_config = SettingsConfigDict(
        alias_generator=variable, populate_by_name=True, case_sensitive=True, extra="ignore", frozen=True
    )

    workers: Whole = Field(
        1, ge=1, le=64, description="worker processes on this machine, i.e. runs at a time; they share the cores"
    )
    person_runs: Whole = Field(
        64, ge=1, le=100_000, description="runs that one person may have in flight, waiting ones included"
    )
    all_runs: Whole = Field(1000, ge=1, le=1_000_000, description="runs that all people together may have in flight")
    run_seconds: Whole = Field(
        4 * 3600,
        ge=1,
        le=10**9,
        description="seconds that a run may be expected to take; a longer one is refused by the app, never by the "
        "command line",
    )
    store_megabytes: Whole = Field(
        20_000,
        ge=100,
        le=10**9,
        description="megabytes that finished runs may take; beyond, what was used least recently is deleted, never "
        "what is pinned or ships",
    )
    cache_megabytes: Whole = Field(
        20_000,
        ge=100,
        le=10**9,
        description="megabytes that cached features, maps and decoders may take; beyond, what was used least "
        "recently is deleted",
    )
    model_megabytes: Whole = Field(
        500,
        ge=0,
        le=10**6,
        description="megabytes of extractors that each worker process holds between runs, on its GPU where it has "
        "one; beyond, what was used least recently is let go",
    )
    log: LogForm = Field("text", description="what server and workers write to standard error")
    allowed: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = Field(
        frozenset(), description="e-mail addresses and domains, separated by commas, that may use a lab with a login"
    )
    plugins: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_paths)] = Field(
        (), description="files of attacks and defences from outside, separated as the folders of PATH are"
    )
    scheduler: str = Field("", description="address of a dask scheduler: runs execute on that cluster")

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Spaces around a value mean nothing, and a variable that is blank is as one that is not set."""
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}


DEFAULTS = Settings.model_construct()
"""What holds where the environment says nothing."""
PLUGINS = variable("plugins")


@dataclass(frozen=True)
class Limits:
    """What the engine lets people ask for, and how much of the disk it takes.

    Attributes:
        person_runs, all_runs: most runs in flight of one person, and of all.
        run_seconds: most seconds that a run may be expected to take.
        store_megabytes, cache_megabytes: what finished runs and the cache may take on the disk.
    """

    person_runs: int = DEFAULTS.person_runs
    all_runs: int = DEFAULTS.all_runs
    run_seconds: float = DEFAULTS.run_seconds
    store_megabytes: int = DEFAULTS.store_megabytes
    cache_megabytes: int = DEFAULTS.cache_megabytes

    @classmethod
    def read(cls) -> "Limits":
        """Those of this server.

        Raises:
            SettingError: one is no whole number, or out of bounds.
        """
        settings = read("person_runs", "all_runs", "run_seconds", "store_megabytes", "cache_megabytes")
        return cls(
            person_runs=settings.person_runs,
            all_runs=settings.all_runs,
            run_seconds=settings.run_seconds,
            store_megabytes=settings.store_megabytes,
            cache_megabytes=settings.cache_megabytes,
        )


def workers() -> int:
    """Worker processes on this machine, `POISON_LAB_WORKERS`.

    Raises:
        SettingError: it is no whole number, or out of bounds.
    """
    return read("workers").workers


def model_megabytes() -> int:
    """Megabytes of extractors that a worker holds between runs, `POISON_LAB_MODEL_MEGABYTES`.

    Raises:
        SettingError: it is no whole number, or out of bounds.
    """
    return read("model_megabytes").model_megabytes


def scheduler() -> str:
    """Address of the dask scheduler on whose workers runs execute, `POISON_LAB_SCHEDULER`; "" is this machine."""
    return read("scheduler").scheduler


def log_form() -> LogForm:
    """How server and workers log, `POISON_LAB_LOG`: "text" or "json".

    Raises:
        SettingError: anything else.
    """
    return read("log").log


def plugins() -> list[Path]:
    """Files of attacks and defences from outside, `POISON_LAB_PLUGINS`, separated as the folders of PATH are."""
    return list(read("plugins").plugins)


def is_allowed(email: str) -> bool:
    """Whether somebody who has logged in may use the lab: `POISON_LAB_ALLOWED` lists addresses and domains.

    Args:
        email: the address that the login vouches for; "" where there is none.
    """
    allowed = read("allowed").allowed
    address = email.lower()
    return not allowed or ("@" in address and (address in allowed or address.rpartition("@")[2] in allowed))


def read(*names: str) -> Settings:
    """The settings of this moment; of those that were not asked for, what can't be used has its default.

    Args:
        names: fields of `Settings` that the caller needs.

    Raises:
        SettingError: one of these can't be used; says which, what it is and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        variables = {detail["loc"][0] for detail in error.errors()}
    wrong = [name for name in Settings.model_fields if variable(name) in variables]
    for name in wrong:
        if name in names:
            text = os.environ[variable(name)].strip()
            allowed = _allowed(Settings.model_fields[name])
            raise SettingError(f"{variable(name)} is {text!r}; allowed: {allowed}.")
    return Settings(**{name: getattr(DEFAULTS, name) for name in wrong})


def _allowed(field: FieldInfo) -> str:
    """The values that a setting may have, in words."""
    low = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    if low is not None:
        return f"a whole number from {low} to {high}"
    return " or ".join(get_args(field.annotation))
