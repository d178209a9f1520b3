"""`run`: one experiment, from options or from a file."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import Device, Quiet, explicit_parameters, flag, with_experiment_options
from core.cli.outputs import check_run_folder, write_remarks
from core.cli.progress import ProgressLine
from core.spec import defaults as spec_defaults
from core.spec.events import silent
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import PoisonLabError, SpecError
from core.system.numbers import fixed

NON_SPEC_OPTIONS = {"out", "spec", "device", "quiet"}
"""Options that are allowed with `--spec`: they are not part of the experiment."""
SHORTCUTS = ("stage2", "target")
"""Parameters of attacks that have an option of their own besides `--set`."""


@with_experiment_options
def run(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write; an existing run there is replaced.")],
    spec: Annotated[
        Path | None, typer.Option(help="The whole experiment from a JSON file: a spec, or a run's result.json.")
    ] = None,
    *,
    stage2: Annotated[str | None, typer.Option(help="How poisoned features are found: gc or tgda.")] = None,
    target: Annotated[str | None, typer.Option(help="Target parameters of gc: gradpc or search.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of an attack's parameter.")] = None,
    defaults: Annotated[
        int, typer.Option(help="Version of the defaults that fill up what is not given.")
    ] = spec_defaults.CURRENT,
    device: Device = "auto",
    quiet: Quiet = False,
    **fields: Any,
) -> None:
    """Run one experiment and write its folder."""
    explicit = {name: value for name, value in explicit_parameters(context).items() if name not in NON_SPEC_OPTIONS}
    if spec is not None:
        from core.presentation import export

        if explicit:
            options = ", ".join(map(flag, explicit))
            raise SpecError(f"--spec is the whole experiment: leave out {options}, or change the file.")
        experiment = export.read_spec(spec)
    else:
        from core.catalog import choices

        experiment = choices.resolve(parse_spec(_values(explicit)))
    _execute(experiment, out, device, quiet)


def _values(explicit: dict[str, Any]) -> dict[str, Any]:
    """The values for `parse_spec`: the given fields, with parameters of the attack nested.

    Other fields are left out, so that `parse_spec` alone fills in defaults: the current ones, or those of the given
    version.

    Raises:
        SpecError: `--set` without a value.
    """
    values = {name: value for name, value in explicit.items() if name in ExperimentSpec.model_fields}
    values[spec_defaults.KEY] = explicit.get(spec_defaults.KEY, spec_defaults.CURRENT)
    attack: dict[str, Any] = {name: explicit[name] for name in SHORTCUTS if name in explicit}
    for item in explicit.get("set_", ()):
        name, sign, text = item.partition("=")
        if not sign:
            raise SpecError(f"--set takes NAME=VALUE; got {item!r}.")
        attack[name] = text
    if attack:
        values["attack"] = {**({"name": values["attack"]} if "attack" in values else {}), **attack}
    return values


def _execute(spec: ExperimentSpec, out: Path, device: str, quiet: bool) -> None:
    """Run a resolved spec and write its folder."""
    check_run_folder(out)
    # Imported after validation: torch takes seconds to import.
    from core.catalog.remarks import remarks_of
    from core.experiments import run_folder
    from core.experiments.run import run as run_spec
    from core.presentation import captions
    from core.system.device import use_all_cores

    write_remarks(remarks_of(spec))
    use_all_cores()
    result = run_spec(spec, silent if quiet else ProgressLine(), device=device)
    try:
        run_folder.write(result, out)
    except OSError as error:
        raise PoisonLabError(f"The run can't be written to {out}: {error.strerror}.") from error
    if not quiet:
        sys.stderr.write("\n")
    summary = result.summary()
    accuracies = summary.accuracies()
    typer.echo("  ".join(f"{name} {fixed(100 * share)}%" for name, share in accuracies.items()) + f"  ->  {out}")
    if caption := captions.uneven_caption(summary):
        typer.echo(caption)
