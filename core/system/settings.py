"""Settings of a server from environment variables: one model with their bounds, defaults and meanings.

Each function reads the environment when it is called, and rejects only the variables it needs: an invalid one does not
affect code that does not use it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.system.errors import SettingError

LogForm = Literal["text", "json"]
MapEngine = Literal["torch", "umap-learn"]
Whole = Annotated[int, BeforeValidator(int)]
"""An integer as Python writes one; pydantic by itself would also accept "1.0"."""
_ORIGIN = r"^https?://(\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?$"


def variable(name: str) -> str:
    """The environment variable of a field of `Settings`."""
    return f"POISON_LAB_{name.upper()}"


def _names(text: str | frozenset[str]) -> frozenset[str]:
    if isinstance(text, frozenset):
        return text
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())


def _paths(text: str | tuple[Path, ...]) -> tuple[Path, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())


def _origins(text: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Settings(BaseSettings):
    """All settings; each is read from the variable `POISON_LAB_` and the field's name in capitals.

    The description of a number is its line in docs/operating.md.
    """

    # Not by the fields' names too: `log` or `map` in the environment is somebody else's.
    model_config = SettingsConfigDict(alias_generator=variable, case_sensitive=True, extra="ignore", frozen=True)

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
    image_upload_megabytes: Whole = Field(
        500,
        ge=1,
        le=10**6,
        description="megabytes that a zip of images may have that is uploaded in the app",
    )
    weights_upload_megabytes: Whole = Field(
        2000,
        ge=1,
        le=10**6,
        description="megabytes that a file of weights may have that is uploaded in the app",
    )
    upload_memory_megabytes: Whole = Field(
        2000,
        ge=1,
        le=10**6,
        description="megabytes that the uploads of all people together may take in the memory of the web server, and "
        "at most one upload; beyond, an upload waits",
    )
    ahead: Whole = Field(
        100,
        ge=0,
        le=10_000,
        description="runs at other budgets than the one on show that a server computes in its life while nobody waits; "
        "0 computes none, and on a cluster none are",
    )
    log: LogForm = Field("text", description="what server and workers write to standard error")
    allowed: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = Field(
        frozenset(), description="e-mail addresses and domains, separated by commas, that may use a lab with a login"
    )
    plugins: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_paths)] = Field(
        (), description="files of attacks and defences from outside, separated as the folders of PATH are"
    )
    map: MapEngine = Field(
        "torch", description="what fits maps: `torch`, on any device, or `umap-learn`, which is slower"
    )
    frame_ancestors: Annotated[
        tuple[Annotated[str, Field(pattern=_ORIGIN)], ...], NoDecode, BeforeValidator(_origins)
    ] = Field(
        (),
        description="sites, separated by commas, whose pages may show the lab in a frame",
        examples=["origins such as https://huggingface.co, separated by commas"],
    )
    scheduler: str = Field("", description="address of a dask scheduler: runs execute on that cluster")

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Ignore spaces around values, and treat a blank variable as unset."""
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}


DEFAULTS = Settings.model_construct()
"""The settings without any environment variable."""
PLUGINS = variable("plugins")


@dataclass(frozen=True)
class Limits:
    """The limits that the engine enforces on runs and disk space.

    Attributes:
        person_runs, all_runs: maximum number of runs in flight, per user and in total.
        run_seconds: maximum estimated duration of a run.
        store_megabytes, cache_megabytes: maximum disk space of finished runs and of the cache.
    """

    person_runs: int = DEFAULTS.person_runs
    all_runs: int = DEFAULTS.all_runs
    run_seconds: float = DEFAULTS.run_seconds
    store_megabytes: int = DEFAULTS.store_megabytes
    cache_megabytes: int = DEFAULTS.cache_megabytes

    @classmethod
    def read(cls) -> "Limits":
        """Read the limits from the environment.

        Raises:
            SettingError: one is not an integer, or out of bounds.
        """
        settings = read("person_runs", "all_runs", "run_seconds", "store_megabytes", "cache_megabytes")
        return cls(
            person_runs=settings.person_runs,
            all_runs=settings.all_runs,
            run_seconds=settings.run_seconds,
            store_megabytes=settings.store_megabytes,
            cache_megabytes=settings.cache_megabytes,
        )


UploadKind = Literal["images", "features", "weights"]


@dataclass(frozen=True)
class UploadLimits:
    """The limits of uploads in the app, in megabytes of 1,048,576 bytes, as Streamlit counts them.

    Attributes:
        images, weights: maximum size of a file; never more than `memory`. A file of features may be as large as images.
        memory: maximum memory of the web server that all uploads together take.
    """

    images: int = min(DEFAULTS.image_upload_megabytes, DEFAULTS.upload_memory_megabytes)
    weights: int = min(DEFAULTS.weights_upload_megabytes, DEFAULTS.upload_memory_megabytes)
    memory: int = DEFAULTS.upload_memory_megabytes

    @classmethod
    def read(cls) -> "UploadLimits":
        """Read the limits from the environment.

        Raises:
            SettingError: one is not an integer, or out of bounds.
        """
        settings = read("image_upload_megabytes", "weights_upload_megabytes", "upload_memory_megabytes")
        memory = settings.upload_memory_megabytes
        return cls(
            images=min(settings.image_upload_megabytes, memory),
            weights=min(settings.weights_upload_megabytes, memory),
            memory=memory,
        )

    @property
    def largest(self) -> int:
        """Maximum size of any file."""
        return max(self.images, self.weights)

    def of(self, kind: UploadKind) -> int:
        """Maximum size of a file of a kind."""
        return self.weights if kind == "weights" else self.images


def workers() -> int:
    """Number of worker processes on this machine, `POISON_LAB_WORKERS`.

    Raises:
        SettingError: it is not an integer, or out of bounds.
    """
    return read("workers").workers


def runs_ahead() -> int:
    """Number of runs that a server computes ahead, `POISON_LAB_AHEAD`.

    Raises:
        SettingError: it is not an integer, or out of bounds.
    """
    return read("ahead").ahead


def model_megabytes() -> int:
    """Megabytes of extractors that a worker keeps in memory between runs, `POISON_LAB_MODEL_MEGABYTES`.

    Raises:
        SettingError: it is not an integer, or out of bounds.
    """
    return read("model_megabytes").model_megabytes


def scheduler() -> str:
    """Address of the dask scheduler for runs, `POISON_LAB_SCHEDULER`; "" runs them on this machine."""
    return read("scheduler").scheduler


def log_form() -> LogForm:
    """Log format of server and workers, `POISON_LAB_LOG`: "text" or "json".

    Raises:
        SettingError: it is anything else.
    """
    return read("log").log


def map_engine() -> MapEngine:
    """What fits maps, `POISON_LAB_MAP`: "torch" or "umap-learn".

    Raises:
        SettingError: it is anything else.
    """
    return read("map").map


def plugins() -> list[Path]:
    """Plug-in files, `POISON_LAB_PLUGINS`, separated like the folders of PATH."""
    return list(read("plugins").plugins)


def frame_ancestors() -> tuple[str, ...]:
    """Sites whose pages may show the lab in a frame, beside its own: `POISON_LAB_FRAME_ANCESTORS`.

    Raises:
        SettingError: one is not an origin such as https://huggingface.co.
    """
    return read("frame_ancestors").frame_ancestors


def is_allowed(email: str) -> bool:
    """Whether a logged-in user may use the lab: `POISON_LAB_ALLOWED` lists addresses and domains.

    Args:
        email: the verified address; "" if there is none.
    """
    allowed = read("allowed").allowed
    address = email.lower()
    return not allowed or ("@" in address and (address in allowed or address.rpartition("@")[2] in allowed))


def read(*names: str) -> Settings:
    """The current settings. Invalid variables that the caller does not need are replaced by their defaults.

    Args:
        names: fields of `Settings` that the caller needs.

    Raises:
        SettingError: one of these is invalid; the message names it, its value and what is allowed.
    """
    return _parsed(names, tuple(os.environ.get(variable(name)) for name in Settings.model_fields))


@lru_cache(maxsize=64)  # every page reads some, and pydantic takes a millisecond for it
def _parsed(names: tuple[str, ...], texts: tuple[str | None, ...]) -> Settings:
    """The settings that `read` gives, for as long as the environment says the same: `texts`, by field."""
    try:
        return Settings()
    except ValidationError as error:
        variables = {detail["loc"][0] for detail in error.errors()}
    invalid = [name for name in Settings.model_fields if variable(name) in variables]
    for name in invalid:
        if name in names:
            text = os.environ[variable(name)].strip()
            allowed = _allowed(Settings.model_fields[name])
            raise SettingError(f"{variable(name)} is {text!r}; allowed: {allowed}.")
    return Settings(**{variable(name): getattr(DEFAULTS, name) for name in invalid})


def _allowed(field: FieldInfo) -> str:
    """The allowed values of a setting, as text."""
    low = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    if low is not None:
        return f"a whole number from {low} to {high}"
    return field.examples[0] if field.examples else " or ".join(get_args(field.annotation))
