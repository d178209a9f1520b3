"""`--plugin FILE.py` on every command: external attacks and defences, loaded before other arguments are parsed."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from core.system import settings


def load(files: list[Path] | None) -> None:
    """Load the files of `--plugin`, and pass them on to child processes by the environment.

    Raises:
        PoisonLabError: a file is not a plug-in, or can't be read.
    """
    if not files:
        return
    _load(files)
    named = dict.fromkeys([*settings.plugins(), *(file.absolute() for file in files)])
    os.environ[settings.PLUGINS] = os.pathsep.join(map(str, named))


def _load(files: list[Path]) -> None:
    # Imported here: few commands need the catalogue, and most users have no plug-ins.
    from core.catalog.plugins import load_plugins  # type: ignore[import-not-found,unused-ignore]

    load_plugins(files)


def _option(callback: Callable[[list[Path] | None], None] | None) -> Any:
    return typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="File with attacks or defences of your own; may be repeated.",
        callback=callback,
        is_eager=True,
        expose_value=callback is None,
    )


def start(context: typer.Context, plugin: Annotated[list[Path] | None, _option(None)] = None) -> None:
    """Runs before every command: loads plug-ins of the environment, then those of `--plugin`; errors as for `load`.

    `doctor` itself reports problems of the environment, so that it must not fail on them.
    """
    if context.invoked_subcommand != "doctor" and (in_environment := settings.plugins()):
        _load(in_environment)
    load(plugin)


def with_plugins(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--plugin` to the options of a command, which does not receive it."""
    signature = inspect.signature(command, eval_str=True)
    added = inspect.Parameter(
        "plugin",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[list[Path] | None, _option(load)],
    )

    @functools.wraps(command)
    def with_option(plugin: object = None, **values: Any) -> None:
        command(**values)

    with_option.__signature__ = signature.replace(parameters=[*signature.parameters.values(), added])  # type: ignore[attr-defined]
    return with_option
