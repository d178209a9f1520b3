"""`sweep`: accuracy against budget, as a table."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import DEFAULTS, Device, option
from core.cli.outputs import check_parent, check_suffix, write_remarks
from core.system import paths
from core.system.files import write_text
from core.system.numbers import counted, digits, fixed


def sweep(
    out: Annotated[Path, typer.Option(help="Table to write: *.csv.")],
    spec: Annotated[
        Path | None, typer.Option(help="What all have in common: a spec as JSON; else the default.")
    ] = None,
    attack: Annotated[list[str] | None, option("attack", "May be repeated.")] = None,
    budget: Annotated[list[float] | None, option("budget", "May be repeated.")] = None,
    seed: Annotated[list[int] | None, option("seed", "May be repeated; three or more show the spread.")] = None,
    extractor: Annotated[list[str] | None, option("extractor", "May be repeated.")] = None,
    device: Device = "auto",
) -> None:
    """Accuracy against budget for several attacks, beside random label flips; what is stored is not run again."""
    from core.catalog import choices
    from core.catalog.remarks import remarks_of
    from core.experiments import sweep as sweeps
    from core.presentation import export
    from core.storage.runs import Store

    check_suffix("--out", out, (".csv",))
    check_parent(out)
    base = choices.resolve(DEFAULTS if spec is None else export.read_spec(spec))
    cells = sweeps.cells(
        base, attack or [base.attack.name], budget or sweeps.BUDGETS, seed or [base.seed], extractor or ()
    )
    store, experiments = Store(paths.results()), sweeps.hashes(cells)
    write_remarks(remark for experiment in experiments.values() for remark in remarks_of(experiment))
    missing = [experiment for spec_hash, experiment in experiments.items() if store.get(spec_hash) is None]
    typer.echo(f"{counted(len(experiments), 'run')}, {len(experiments) - len(missing):,} of them stored already")
    if missing:
        from core.experiments.run import run
        from core.system.device import use_all_cores

        use_all_cores()
        for i, experiment in enumerate(missing, start=1):
            summary = store.put(run(experiment, device=device)).summary
            description = (
                f"{experiment.attack.name} {experiment.extractor} {digits(experiment.budget)} seed {experiment.seed}"
            )
            typer.echo(f"{i}/{len(missing)} {description}: {fixed(summary.drop())}")
    points = sweeps.collect(cells, lambda spec_hash: stored.summary if (stored := store.get(spec_hash)) else None)
    write_text(out, sweeps.as_csv(points))
    typer.echo(str(out))
