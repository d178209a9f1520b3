"""`store`: the runs that are stored, and what they take of the disk."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.system import paths
from core.system.errors import SpecError, StoreError

if TYPE_CHECKING:
    from core.storage.runs import Store
    from core.system.settings import Limits


def store(
    clean: Annotated[
        bool, typer.Option("--clean", help="Delete what was used least recently, down to the limits.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what --clean would delete.")] = False,
    pin: Annotated[list[str] | None, typer.Option(help="Hash of a run that is never deleted; may be repeated.")] = None,
    unpin: Annotated[list[str] | None, typer.Option(help="Hash of a run that may go again; may be repeated.")] = None,
) -> None:
    """Runs that are stored, and the disk space that they take: keep some for good, delete others."""
    from core.storage.runs import Store
    from core.system.settings import Limits

    limits = Limits.read()
    both = sorted(set(pin or ()) & set(unpin or ()))
    if both:
        raise SpecError(f"--pin and --unpin both name {both[0]}; give one of them.")
    if dry_run and (pin or unpin):
        raise SpecError("--dry-run says what --clean would delete; it doesn't go with --pin or --unpin.")
    try:
        runs = Store(paths.results())
    except OSError as error:
        raise StoreError(f"The store {paths.results()} can't be opened: {error.strerror}.") from error
    missing = [name for name in pin or () if name not in runs]
    if missing:
        raise StoreError(f"Run {missing[0]} isn't stored, so nothing was pinned; `store` lists what is.")
    for name in pin or ():
        runs.pin(name)
    for name in unpin or ():
        runs.unpin(name)
    if clean or dry_run:
        _clean(runs, limits, dry_run)
    else:
        _show(runs, limits)


def _clean(runs: "Store", limits: "Limits", dry_run: bool) -> None:
    """Delete down to the limits, or only print what would be deleted."""
    from core.system import cache, retention

    parts = {
        "run": runs.clean(limits.store_megabytes * retention.MEGABYTE, dry_run=dry_run),
        "cached file": cache.clean(limits.cache_megabytes * retention.MEGABYTE, dry_run=dry_run),
    }
    done = "would be deleted" if dry_run else "deleted"
    for kind, cleaned in parts.items():
        for piece in cleaned.gone:
            typer.echo(f"{done}: {kind} {piece.name}  {retention.words(piece.size)}")
        over = ", more than is allowed: the rest is pinned or in use" if cleaned.size > cleaned.limit else ""
        count = f"{len(cleaned.gone):,} {kind}{'' if len(cleaned.gone) == 1 else 's'}"
        typer.echo(f"{count} {done}; what stays takes {retention.words(cleaned.size)}{over}")


def _show(runs: "Store", limits: "Limits") -> None:
    """Print each run, the last used first, and what all take."""
    from core.presentation import tables
    from core.system import cache, retention

    pieces = sorted(runs.pieces(), key=lambda piece: piece.used, reverse=True)
    if pieces:
        typer.echo(tables.store_table(pieces))
    stored, cached = (retention.words(sum(piece.size for piece in kind)) for kind in (pieces, cache.pieces()))
    most_stored = retention.words(limits.store_megabytes * retention.MEGABYTE)
    most_cached = retention.words(limits.cache_megabytes * retention.MEGABYTE)
    n_pinned = sum(piece.kept for piece in pieces)
    typer.echo(f"runs: {len(pieces):,}, {n_pinned:,} of them pinned: {stored} of {most_stored}")
    typer.echo(f"cache: {cached} of {most_cached}")
