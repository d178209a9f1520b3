"""What was assumed of a user-supplied file because its tensors can't show it, in sentences for people.

The sentences hold no path: they travel with results.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchvision.models import GoogLeNet, Inception3

from core.extractors.checkpoints import Checkpoint
from core.extractors.fitting import Fit
from core.extractors.overrides import Overrides
from core.extractors.sources import Source
from core.extractors.trees import ORDER

Triple = tuple[float, float, float]
_ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "ReLU": "relu", "SiLU": "silu"}
"""timm's names of activations, by their classes in timm and torch."""


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        checkpoint: the content of the file.
        fit: the weights that are taken.
        model: the network, with all options.
        given: what the name says.
        source: the kind of the checkpoint; None if it is not known.
        mean, std: per channel, of images in [0, 1].
        normalised_by: whose mean and deviation these are, if neither the name nor the source says; "" for a file that
            records its own.
    """

    checkpoint: Checkpoint
    fit: Fit
    model: nn.Module
    given: Overrides
    source: Source | None
    mean: Triple
    std: Triple
    normalised_by: str

    @property
    def known(self) -> str:
        """The title of the source; "" if it is not known."""
        return "" if self.source is None else self.source.title


def notes(reading: Reading) -> tuple[str, ...]:
    """One sentence for each assumption."""
    return (*_place(reading), *_unused(reading), *_normalisation(reading), *_transformer(reading), *_inception(reading))


def heads(model: nn.Module) -> int | None:
    """The attention heads of a vision transformer of timm; None for other networks."""
    if not isinstance(model, VisionTransformer):
        return None
    return next((int(part.num_heads) for part in model.modules() if hasattr(part, "num_heads")), None)


def activation(model: nn.Module) -> str | None:
    """The activation of a vision transformer of timm by timm's name; None for other networks and activations."""
    if not isinstance(model, VisionTransformer):
        return None
    return next((name for part in model.modules() if (name := _activation(part))), None)


def _activation(part: nn.Module) -> str:
    if isinstance(part, nn.GELU):
        return "gelu_tanh" if part.approximate == "tanh" else "gelu"
    return _ACTIVATIONS.get(type(part).__name__, "")


def _place(reading: Reading) -> Iterator[str]:
    tree, others = reading.fit.tree, reading.fit.others
    if tree.dictionary.keys:
        yield f"The weights are those of the dictionary {tree.dictionary.place!r} in the file."
    if tree.beginning:
        yield f"The prefix {tree.beginning!r} was stripped from the names of the weights."
    if tree.sources is not None:
        yield "timm's own renaming of foreign checkpoints was applied to the names."
    if not others:
        return
    has_both = len({other.is_ema for other in (tree, *others)}) == 2
    if has_both and tree.is_ema:
        yield (
            "The file holds averaged (EMA) and raw weights: the averaged ones were taken, as timm does; weights=raw "
            "changes it."
        )
    else:
        places = "; ".join(other.place for other in others)
        yield (
            f"The file holds other weights that fit: {places}. Taken are, in this order: {ORDER}. prefix= and weights= "
            "change it."
        )


def _unused(reading: Reading) -> Iterator[str]:
    unused, tree = reading.fit.unused, reading.fit.tree
    kinds = [f"{kind} ({count})" for kind, count in unused.kinds.items()]
    if kinds:
        yield f"Entries that are not used: {', '.join(kinds)}."
    outside = unused.elsewhere + sum(not name.startswith(tree.beginning) for name in tree.dictionary.tensors)
    first = tree.dictionary.keys[0] if tree.dictionary.keys else None
    elsewhere = {key: count for key, count in reading.checkpoint.counts.items() if key != first}
    parts = [f"{count} under {key!r}" for key, count in elsewhere.items()]
    if outside:
        parts.insert(0, f"{outside} under other prefixes")
    if parts:
        yield f"Tensors of the file that belong to something else, and are not used: {', '.join(parts)}."


def _normalisation(reading: Reading) -> Iterator[str]:
    if not reading.normalised_by:
        return
    if _is_needed(reading, "mean", reading.mean):
        whose = f"as {reading.known} normalises, which the names in the file show"
    elif reading.given.mean and reading.given.std:
        whose = "as the name says"
    else:
        unless = "where the name says nothing, " if reading.given.mean or reading.given.std else ""
        whose = unless + reading.normalised_by
    mean, std = _numbers(reading.mean), _numbers(reading.std)
    yield f"Images are normalised with mean {mean} and standard deviation {std} ({whose})."


def _transformer(reading: Reading) -> Iterator[str]:
    number, kind = heads(reading.model), activation(reading.model)
    if number is not None:
        yield f"The transformer has {number} attention heads, {_whose(reading, 'heads', number)}."
    if kind is not None:
        yield f"Its activation is {kind}, {_whose(reading, 'act', kind)}."
    if kind is not None and _is_needed(reading, "act", kind):
        yield "Networks that open_clip trained have the same names, and GELU: for these say act=gelu."


def _inception(reading: Reading) -> Iterator[str]:
    if not isinstance(reading.model, Inception3 | GoogLeNet):
        return
    value = "true" if reading.model.transform_input else "false"
    if _is_needed(reading, "transform_input", value):
        words = f"as {reading.known} need it"
    elif reading.given.transform_input is not None:
        words = "as the name says"
    else:
        words = "as torchvision builds it without weights; weights made from its own need transform_input=true"
    yield f"transform_input is {value}, {words}."


def _is_needed(reading: Reading, name: str, value: object) -> bool:
    """Whether the file's source needs a value. Asked instead of what the name says: a resolved name says all of it."""
    return reading.source is not None and reading.source.needs.get(name) == value


def _whose(reading: Reading, name: str, value: object) -> str:
    if _is_needed(reading, name, value):
        return f"as in {reading.known}, which the names in the file show"
    if getattr(reading.given, name) is not None:
        return "as the name says"
    return "as timm's architecture has; the file can't show it"


def _numbers(values: Triple) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
