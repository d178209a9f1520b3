"""`store`: stored runs and their disk usage."""

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
    """List stored runs and their disk usage; pin, unpin or delete runs."""
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
        for entry in cleaned.deleted:
            typer.echo(f"{done}: {kind} {entry.name}  {retention.format_size(entry.size)}")
        over = ", more than is allowed: the rest is pinned or in use" if cleaned.size > cleaned.limit else ""
        count = f"{len(cleaned.deleted):,} {kind}{'' if len(cleaned.deleted) == 1 else 's'}"
        typer.echo(f"{count} {done}; what stays takes {retention.format_size(cleaned.size)}{over}")


def _show(runs: "Store", limits: "Limits") -> None:
    """Print each run, most recently used first, and the total size."""
    from core.presentation import tables
    from core.system import cache, retention

    entries = sorted(runs.entries(), key=lambda entry: entry.used, reverse=True)
    if entries:
        typer.echo(tables.store_table(entries))
    stored, cached = (retention.format_size(sum(entry.size for entry in kind)) for kind in (entries, cache.entries()))
    most_stored = retention.format_size(limits.store_megabytes * retention.MEGABYTE)
    most_cached = retention.format_size(limits.cache_megabytes * retention.MEGABYTE)
    n_pinned = sum(entry.protected for entry in entries)
    typer.echo(f"runs: {len(entries):,}, {n_pinned:,} of them pinned: {stored} of {most_stored}")
    typer.echo(f"cache: {cached} of {most_cached}")
