"""What a person says of a weights file because its tensors can't show it: the options in `timm:ARCH?heads=12@FILE`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.system.errors import SpecError

Activation = Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"]
ACTIVATIONS = get_args(Activation)
"""Activations by timm's names."""
Branch = Literal["ema", "raw"]
_Flag = Literal["true", "false"]


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


_Mean = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Deviation = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Heads = Annotated[int, Field(ge=1, le=256)]


class Overrides(BaseModel):
    """The options in the name of a user-supplied extractor; None where not set.

    Attributes:
        heads: attention heads of a vision transformer of timm.
        act: activation of a vision transformer of timm.
        mean, std: per channel, of images in [0, 1].
        weights: "ema" for averaged weights, "raw" for the others, where a file has both.
        prefix: of the names of the entries that are taken; "" for none.
        transform_input: "true" where an Inception or a GoogLeNet of torchvision expects images that are normalised as
            for other networks of torchvision, and normalises them once more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: _Heads | None = None
    act: Activation | None = None
    mean: Annotated[tuple[_Mean, _Mean, _Mean], BeforeValidator(_split)] | None = None
    std: Annotated[tuple[_Deviation, _Deviation, _Deviation], BeforeValidator(_split)] | None = None
    weights: Branch | None = None
    prefix: Annotated[str, Field(max_length=200, pattern=r"^(.*\.)?$")] | None = None
    transform_input: _Flag | None = None

    @property
    def of_architecture(self) -> "Overrides":
        """The options that change what a network computes from the same weights and the same normalised images."""
        return Overrides(heads=self.heads, act=self.act, transform_input=self.transform_input)

    def to_query(self) -> str:
        """The options as text, in a fixed order, as `parse` reads them; "" without any."""
        values = self.model_dump(exclude_none=True)
        return "&".join(f"{name}={quote(_text(value), safe=',')}" for name, value in values.items())

    def filled(self, **values: Any) -> "Overrides":
        """These options, with values for those that are not set."""
        missing = {name: value for name, value in values.items() if getattr(self, name) is None}
        return self.model_copy(update=missing)


NOTHING = Overrides()
ALLOWED = {
    "heads": "heads=N, a number of attention heads from 1 to 256",
    "act": f"act={'|'.join(ACTIVATIONS)}",
    "mean": "mean=R,G,B, each from 0 to 1",
    "std": "std=R,G,B, each above 0 and at most 1",
    "weights": f"weights={'|'.join(get_args(Branch))}",
    "prefix": "prefix=TEXT., the beginning of the names, with its full stop, or prefix= for none",
    "transform_input": f"transform_input={'|'.join(get_args(_Flag))}",
}
"""What each option takes, in words."""


def parse(query: str) -> Overrides:
    """Read options such as "heads=12&mean=0.5,0.5,0.5&std=0.5,0.5,0.5".

    Raises:
        SpecError: an option is unknown, given twice, or has a value that is not allowed.
    """
    if not query:
        return Overrides()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=len(ALLOWED) + 1)
    except ValueError as error:
        raise _refused(query, "can't be read") from error
    if len(dict(pairs)) < len(pairs):
        raise _refused(query, "say one thing twice")
    return overrides_of(dict(pairs))


def overrides_of(values: Mapping[str, str]) -> Overrides:
    """Read options from texts by their names.

    Raises:
        SpecError: an option is unknown, or has a value that is not allowed.
    """
    for name in values.keys() - ALLOWED.keys():
        raise _refused("&".join(values), f"hold {name!r}, which is no option")
    try:
        return Overrides.model_validate(values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        option = f"{name}={values[name]}"
        raise SpecError(f"Option {option!r} of a weights file is not allowed. Allowed: {ALLOWED[name]}.") from error


def _refused(query: str, fault: str) -> SpecError:
    return SpecError(
        f"The options {query!r} of a weights file {fault}. Allowed, joined by &: {'; '.join(ALLOWED.values())}."
    )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
