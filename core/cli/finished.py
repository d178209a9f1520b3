"""`report`, `defend`, `certify` and `reach`: commands for a finished run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.certificates import PARTITIONS
from core.cli.options import FinishedRun
from core.cli.outputs import check_suffix, write_remarks
from core.system import finite_json, paths
from core.system.errors import PoisonLabError, SpecError, StoreError
from core.system.files import replacing
from core.system.numbers import fixed, percent

if TYPE_CHECKING:
    from core.storage.runs import StoredRun

AsJson = Annotated[bool, typer.Option("--json", help="All results, as JSON.")]


def report(
    run: FinishedRun,
    out: Annotated[Path | None, typer.Option(help="Report to write: one *.html file that needs no network.")] = None,
    table: Annotated[Path | None, typer.Option(help="Table of the poisoned points: *.csv or *.parquet.")] = None,
    points: Annotated[
        Path | None,
        typer.Option(
            help="Table of all points, clean and poisoned, with influence, loss and what each defence says of them: "
            "*.csv or *.parquet."
        ),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Folder for a manifest of the poison, also for cleanlab, ART and FiftyOne.")
    ] = None,
) -> None:
    """Write the report of a finished run as one HTML file, its points as tables, and a manifest of its poison."""
    from core.presentation import export, point_table
    from core.presentation import manifest as manifests
    from core.presentation import report as reports

    if out is None and table is None and points is None and manifest is None:
        raise SpecError(
            "report writes --out FILE.html, --table FILE.csv (or .parquet), --points FILE.csv (or .parquet) and "
            "--manifest FOLDER; none was given."
        )
    if out is not None:
        check_suffix("--out", out, (".html",))
    if table is not None:
        check_suffix("--table", table, tuple(export.TABLE_SUFFIXES))
    if points is not None:
        check_suffix("--points", points, point_table.SUFFIXES)
    stored = _load(run)
    # Create all content before writing any file.
    files: list[tuple[Path, bytes]] = []
    if out is not None:
        files.append((out, reports.report(stored).encode()))
    if table is not None:
        files.append((table, export.table_file(stored, table.suffix)))
    if points is not None:
        from core.storage import scored
        from core.system.device import use_all_cores

        use_all_cores()
        scores = scored.score_run(stored)
        files.append((points, point_table.file(scores, stored.summary.classes, points.suffix)))
    for path, content in files:
        try:
            with replacing(path) as file:
                file.write(content)
        except OSError as error:
            raise PoisonLabError(f"{path} can't be written: {error.strerror}.") from error
        typer.echo(str(path))
    if manifest is not None:
        manifests.write(stored, manifest)
        typer.echo(str(manifest))


def defend(
    run: FinishedRun,
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", help="Defence, see `list`, as NAME or NAME:SETTING=VALUE; several are chained."),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Every defence by itself.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply defences to a finished run as a defender would, and retrain the head on the remaining points."""
    from core.defences.chain import parse_chain
    from core.defences.registry import RECORDS
    from core.presentation import by_class, tables
    from core.storage import defended

    if bool(with_) == each:
        raise SpecError("defend takes --with DEFENCE, once or more, or --each.")
    chains = [parse_chain([name]) for name in RECORDS] if each else [parse_chain(with_ or [])]
    stored = _load(run)
    write_remarks(stored.summary.remarks)
    from core.system.device import use_all_cores

    use_all_cores()
    results = [defended.judge_run(stored, chain) for chain in chains]
    if as_json:
        plain = [verdict.to_json() for verdict in results]
        typer.echo(finite_json.dumps(plain if each else plain[0], indent=1))
    else:
        typer.echo(tables.defences_table(results))
        typer.echo(by_class.class_text(results, stored.summary.classes))
        _echo_uneven(stored)


def certify(
    run: FinishedRun,
    partitions: Annotated[int, typer.Option(help="Heads that vote, each on its own part of the data.")] = PARTITIONS,
    as_json: AsJson = False,
) -> None:
    """Certified accuracy of a finished run: by votes of heads on parts of the data, and on randomised labels."""
    from core.presentation import tables
    from core.storage import certified

    certified.check(partitions)
    stored = _load(run)
    write_remarks(stored.summary.remarks)
    from core.system.device import use_all_cores

    use_all_cores()
    result = certified.certify_run(stored, partitions)
    if as_json:
        typer.echo(finite_json.dumps(result.to_json(), indent=1))
    else:
        typer.echo(tables.certificates_text(result, stored.summary.n_poison))
        _echo_uneven(stored)


def reach(run: FinishedRun, as_json: AsJson = False) -> None:
    """Measure what images can do at all with a finished run's budget, beside poisoned features and its own images."""
    from core.presentation import captions
    from core.storage import reached

    stored = _load(run)
    from core.system.device import use_all_cores

    use_all_cores()
    result = reached.measure_run(stored)
    if as_json:
        typer.echo(finite_json.dumps(result.to_json(), indent=1))
    else:
        typer.echo(captions.image_reach_caption(result).replace("**", ""))
        for near in result.near:
            typer.echo(f"{percent(near.distance, 0)} from an image's features at most: {fixed(near.drop)} points")


def _echo_uneven(run: "StoredRun") -> None:
    """Print a remark if the run's classes are uneven."""
    from core.presentation import captions

    if caption := captions.uneven_caption(run.summary):
        typer.echo(caption)


def _load(run: str) -> "StoredRun":
    """Load a finished run by its folder or its hash.

    Raises:
        StoreError: there is no such run, or it is damaged.
    """
    from core.storage.runs import Store, load

    if Path(run).exists():
        return load(Path(run))
    stored = Store(paths.results()).get(run)
    if stored is None:
        raise StoreError(f"{run} is neither the folder of a run nor the hash of a stored one.")
    return stored
