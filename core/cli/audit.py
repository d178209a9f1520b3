"""`audit`: how poisonable a pipeline is, within a time that is given first; and two audits beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.options import DEFAULTS, Device, option
from core.cli.outputs import write_remarks
from core.spec import defaults
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.vectors import are_features
from core.system.errors import SpecError
from core.system.numbers import counted, digits, fixed

if TYPE_CHECKING:
    from core.audit.plan import Cell

SIZES = ("train_size", "test_size")


def audit(
    out: Annotated[Path, typer.Option(help="Folder to write; that of an audit that was stopped is gone on with.")],
    data: Annotated[str, option("data")] = DEFAULTS.data,
    train_domain: Annotated[str | None, option("train_domain")] = None,
    test_domain: Annotated[str | None, option("test_domain")] = None,
    extractor: Annotated[str, option("extractor")] = DEFAULTS.extractor,
    input_size: Annotated[int | None, option("input_size")] = None,
    train_size: Annotated[int | None, option("train_size", "Of features, all by default.")] = None,
    test_size: Annotated[int | None, option("test_size", "Of features, all by default.")] = None,
    constraint: Annotated[str, option("constraint")] = DEFAULTS.constraint,
    ridge: Annotated[str, typer.Option("--ridge", "--lambda", help="λ of the head, or auto: by cross-validation.")] = (
        digits(DEFAULTS.ridge)
    ),
    seed: Annotated[int, option("seed", "The first of several.")] = DEFAULTS.seed,
    minutes: Annotated[float, typer.Option(help="Time that it may take; the plan adapts.")] = 10.0,
    against: Annotated[
        Path | None, typer.Option(help="Folder of another audit, to compare with; nothing is measured if out has one.")
    ] = None,
    *,
    plan_only: Annotated[bool, typer.Option("--plan", help="Print the plan, and measure nothing.")] = False,
    device: Device = "auto",
) -> None:
    """Measure how poisonable a pipeline is: one report as HTML and JSON. Ctrl+C stops; the same command goes on."""
    from core.audit.folder import measured
    from core.audit.plan import make_plan

    if out.exists() and not out.is_dir():
        raise SpecError(f"--out {out} is not a folder.")
    if against is not None and (out / "audit.json").exists():
        _compare(out, against)
        return
    values: dict[str, Any] = {"data": data, "extractor": extractor, "input_size": input_size, "constraint": constraint}
    values |= {"train_domain": train_domain, "test_domain": test_domain}
    values |= {"seed": seed, **_sizes(data, train_size, test_size), defaults.KEY: defaults.CURRENT}
    base = parse_spec({**values, **({} if ridge == "auto" else {"ridge": ridge})})
    if ridge == "auto":
        base = _cross_validated(base, device)
    plan = make_plan(base, minutes, device, measured(out).keys())
    write_remarks(plan.left_out)
    typer.echo(
        f"{counted(len(plan.cells), 'experiment')}: {', '.join(plan.attacks)} at "
        f"{', '.join(f'{digits(100 * budget)} %' for budget in plan.budgets)}, {counted(len(plan.seeds), 'seed')}; "
        "about "
        f"{digits(plan.expected / 60, 2)} minutes"
    )
    if plan_only:
        return
    from core.audit import audit as conducting
    from core.audit.folder import PAGE
    from core.system.device import use_all_cores

    use_all_cores()
    try:
        content = conducting.conduct(plan, out, minutes=minutes, device=device, report=_line)
    except KeyboardInterrupt:
        rows = measured(out)
        if not rows:
            raise
        content = conducting.write_report(plan, out, rows)
        typer.echo("Stopped; the same command goes on.")
    if not content:
        typer.echo("Stopped before anything was measured; the same command begins again.")
        return
    typer.echo(content["verdict"])
    for i, action in enumerate(content["actions"], start=1):
        typer.echo(f"{i}. {action}")
    typer.echo(str(out / PAGE))
    if against is not None:
        _compare(out, against)


def _line(cell: "Cell", row: dict[str, Any], done: int, total: int) -> None:
    from core.audit.limits import NAMES

    how = f" made to pass {cell.judged[0]}" if cell.is_evaded else ""
    if cell.limit:
        how = f" not knowing the {NAMES[cell.limit]}"
    typer.echo(
        f"{done}/{total} {cell.attack}{how} {digits(100 * cell.spec.budget)} % seed {cell.spec.seed}: "
        f"{fixed(100 * row['clean'])} % to {fixed(100 * row['poisoned'])} % in {fixed(row['seconds'], 0)} s"
    )


def _sizes(data: str, train_size: int | None, test_size: int | None) -> dict[str, int]:
    """Sizes of the sample: as asked for, else all features, and the defaults or as many images as there are."""
    from core.catalog.lookup import data_info

    record = data_info(data)
    there = {"train_size": record.train_images, "test_size": record.test_images}
    asked = {"train_size": train_size, "test_size": test_size}
    usual = {name: there[name] if are_features(data) else min(getattr(DEFAULTS, name), there[name]) for name in SIZES}
    return {name: asked[name] or usual[name] for name in SIZES}


def _cross_validated(base: ExperimentSpec, device: str) -> ExperimentSpec:
    from core.audit.plan import cell_spec
    from core.audit.ridge import ridge_for

    ridge = ridge_for(cell_spec(base, "flips", DEFAULTS.budget, base.seed), device)
    typer.echo(f"λ = {digits(ridge)} by cross-validation")
    return base.model_copy(update={"ridge": ridge})


def _compare(first: Path, second: Path) -> None:
    from core.audit.comparison import compare
    from core.audit.folder import read_report

    for label, *values in compare(read_report(first), read_report(second)):
        typer.echo(f"{label}: {values[0]} | {values[1]}")
