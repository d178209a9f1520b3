"""Options generated from the fields of `ExperimentSpec`: name, type, default, bounds and help.

`run` gets one option per field, so that a new field automatically becomes an option; other commands select shared
fields by name. Values are validated by `parse_spec` alone, so that error messages are the same everywhere.
"""

import inspect
from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
import typer
from pydantic.fields import FieldInfo
from typer.models import OptionInfo

from core.spec.experiment import ExperimentSpec
from core.system.numbers import digits, fixed

DEFAULTS = ExperimentSpec()
EXTRA_NAMES = {"ridge": ("--lambda",)}
"""Additional names of options."""
NO_OPTIONS = {"plugins"}
"""Fields without an option: they follow from `--plugin`."""

Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Quiet = Annotated[bool, typer.Option(help="No progress on standard error.")]
FinishedRun = Annotated[str, typer.Argument(help="Folder of a finished run, or the hash of a stored one.")]


def option(name: str, note: str = "") -> OptionInfo:
    """The option of a field of `ExperimentSpec`, for an annotation: `Annotated[float, option("budget")]`.

    Args:
        name: of the field.
        note: appended to the field's description.
    """
    return _option(name, ExperimentSpec.model_fields[name], note)


def options_of(model: type[ExperimentSpec]) -> list[inspect.Parameter]:
    """One keyword-only parameter per field of a model, in order, from which Typer creates options."""
    defaults = model()
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            # On a command line an attack is its name; `--set` gives its parameters.
            default=defaults.attack.name if name == "attack" else getattr(defaults, name),
            annotation=Annotated[_option_type(field), _option(name, field)],
        )
        for name, field in model.model_fields.items()
        if name not in NO_OPTIONS
    ]


def with_experiment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace `**fields` in the signature of a command by one option per field of `ExperimentSpec`.

    They precede the command's own keyword-only parameters.
    """
    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    before = [parameter for parameter in own if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    after = [parameter for parameter in own if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    signature = inspect.Signature([*before, *options_of(ExperimentSpec), *after])
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command


def explicit_parameters(context: typer.Context) -> dict[str, Any]:
    """The parameters that were given on the command line, without defaults."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }


def flag(name: str) -> str:
    """The option of a parameter, as typed on the command line."""
    return f"--{name.rstrip('_').replace('_', '-')}"


def help_text(field: FieldInfo) -> str:
    """The description of a field with its allowed values, as "Clean training images; at least 20."."""
    description = field.description or ""
    if choices := _choices(field):
        return f"{description.rstrip('.')}: {choices}."
    if bounds := _bounds(field):
        return f"{description.rstrip('.')}; {bounds}."
    return description


def _option(name: str, field: FieldInfo, note: str = "") -> OptionInfo:
    names = (flag(name), *EXTRA_NAMES[name]) if name in EXTRA_NAMES else ()
    option_info: OptionInfo = typer.Option(*names, help=f"{help_text(field)} {note}".rstrip())
    return option_info


def _choices(field: FieldInfo) -> str:
    for kind in (field.annotation, *get_args(field.annotation)):
        if get_origin(kind) is Literal:
            *first, last = get_args(kind)
            return f"{', '.join(first)} or {last}" if first else str(last)
    return ""


def _bounds(field: FieldInfo) -> str:
    comparisons = {annotated_types.Ge: "at least", annotated_types.Gt: "more than"}
    comparisons |= {annotated_types.Le: "at most", annotated_types.Lt: "less than"}
    bounds = [
        f"{comparisons[type(bound)]} {_number(getattr(bound, type(bound).__name__.lower()))}"
        for bound in field.metadata
        if type(bound) in comparisons
    ]
    return ", ".join(bounds)


def _number(value: float) -> str:
    return fixed(value, 0) if value == int(value) else digits(value)


def _option_type(field: FieldInfo) -> Any:
    """The type that Typer parses: a number, a flag, or else text, which the model validates."""
    scalars = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind in (bool, int, float)]
    kind = scalars[0] if scalars else str
    return kind | None if NoneType in get_args(field.annotation) else kind
