"""Architectures of timm, torchvision and our own: the one place that builds them, and makes their first pass.

Whatever a library raises comes back as a sentence. Nothing is downloaded, and what is only measured or compared is
built on the meta device, which allocates nothing.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import timm
import torch
import torchvision
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import GoogLeNet, Inception3

from core.extractors.networks import network
from core.extractors.overrides import NOTHING, Overrides
from core.system.errors import PoisonLabError, SpecError, described

PIXELS = 224
"""Side in pixels that `ExtractorInfo.macs` refers to."""
_FACTORIES = frozenset((torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn))
_WITHOUT_AUXILIARY = {"inception_v3", "googlenet"}
"""Networks of torchvision with auxiliary classifiers, which only training uses."""
_OTHERS = {
    "detection": "finds objects",
    "segmentation": "labels pixels",
    "video": "takes videos",
    "optical_flow": "compares two images",
    "quantization": "computes with whole numbers, without a gradient",
}
"""What the other packages of torchvision.models do that a feature extractor can't."""


@dataclass(frozen=True)
class Measure:
    """Number of features of an image, and multiply-adds of one forward pass."""

    width: int
    macs: float


def backbone(library: str, arch: str, options: Overrides = NOTHING) -> nn.Module:
    """An architecture without its classifier, with random weights: images (N, 3, H, W) to features.

    Args:
        library: "timm", "torchvision" or "own".
        arch: its name in the library; in timm it may end with a tag, as in resnet18.a1_in1k.
        options: heads, activation and transform_input of the network.

    Raises:
        SpecError: there is no such architecture, it can't be built, or it has nothing that an option could change.
    """
    check_known(library, arch)
    builders: dict[str, Callable[[str, Overrides], nn.Module]] = {
        "timm": _timm,
        "torchvision": _torchvision,
        "own": lambda name, _: network(name),
    }
    with _explained(library, arch, "be built"):
        model = builders[library](arch, options)
    _check_options(library, arch, model, options)
    if isinstance(model, Inception3 | GoogLeNet) and options.transform_input is not None:
        model.transform_input = options.transform_input == "true"
    return model


@lru_cache(maxsize=64)
def skeleton(library: str, arch: str, options: Overrides = NOTHING) -> nn.Module:
    """Like `backbone`, on the meta device: names and shapes only, in eval mode. It is shared: don't change it."""
    try:
        with torch.device("meta"):
            model = backbone(library, arch, options)
    except SpecError:
        # Some read numbers from tensors while they are built, which have no values there.
        with _ParametersOnMeta():
            model = backbone(library, arch, options)
    return model.to("meta").eval()


@lru_cache(maxsize=256)
def measure(library: str, arch: str, size: int, options: Overrides = NOTHING) -> Measure:
    """Width and multiply-adds of an architecture, by a first pass that allocates nothing.

    Args:
        library, arch, options: see `backbone`.
        size: side in pixels of the images.

    Raises:
        SpecError: as `backbone`, or it takes no images of this size, or gives no vector for an image.
    """
    model = skeleton(library, arch, options)
    with (
        _explained(library, arch, f"take images of {size} × {size} pixels"),
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
    ):
        features = model(torch.empty(1, 3, size, size, device="meta"))
    if not isinstance(features, Tensor):
        raise SpecError(f"{library}:{arch} gives a {type(features).__name__} for an image; a vector is needed.")
    if features.dim() != 2:
        raise SpecError(f"{library}:{arch} gives {features.dim() - 1} dimensions for an image; a vector is needed.")
    return Measure(features.shape[1], counter.get_total_flops() / 2)


def measures(library: str, arch: str, sizes: tuple[int, ...], options: Overrides = NOTHING) -> dict[int, Measure]:
    """What `measure` says at each size that an architecture takes.

    Args:
        library, arch, options: see `backbone`.
        sizes: sides in pixels to try.

    Raises:
        SpecError: it takes none of them; the reason at the last, which is the largest.
    """
    measured, reason = {}, SpecError(f"{library}:{arch} has no input size.")
    for size in sizes:
        try:
            measured[size] = measure(library, arch, size, options)
        except SpecError as error:
            reason = error
    if not measured:
        raise reason
    return measured


def classifiers(library: str, arch: str) -> tuple[str, ...]:
    """Beginnings of the names of an architecture's classifier, which `backbone` leaves out."""
    if library == "torchvision":
        whole = skeleton(library, arch)
        return (list(whole.named_children())[-1][0],)
    config = timm.get_pretrained_cfg(arch) if library == "timm" else None
    names = getattr(config, "classifier", None) or ()
    return (names,) if isinstance(names, str) else tuple(names)


def check_known(library: str, arch: str) -> None:
    """Check that a library has an architecture of images; builds nothing.

    Raises:
        SpecError: it has none of this name, or its network takes or gives something else.
    """
    if library == "timm":
        _check_timm(arch)
    elif library == "torchvision":
        _check_torchvision(arch)


def _check_timm(arch: str) -> None:
    base, _, tag = arch.partition(".")
    # Also keeps out hf-hub: and local-dir:, which would be fetched.
    if base not in (names := _timm_names()):
        raise _unknown("timm", base, names)
    try:
        timm.get_pretrained_cfg(arch)
    except RuntimeError as error:
        tags = ", ".join(name.partition(".")[2] for name in timm.list_models(f"{base}.*", pretrained=True))
        raise SpecError(f"timm's {base} has no tag {tag!r}. Allowed: {tags or 'none'}; or leave it out.") from error


@lru_cache(maxsize=1)
def _timm_names() -> frozenset[str]:
    return frozenset(timm.list_models())


def _check_torchvision(arch: str) -> None:
    known = torchvision.models.list_models()
    if arch not in known:
        raise _unknown("torchvision", arch, known)
    package = torchvision.models.get_model_builder(arch).__module__.removeprefix("torchvision.models.").split(".")[0]
    if package in _OTHERS:
        raise SpecError(
            f"torchvision:{arch} can't be an extractor: it {_OTHERS[package]}. Allowed are the architectures that "
            "classify images: torchvision.models.list_models(module=torchvision.models)."
        )


def _unknown(library: str, arch: str, known: "frozenset[str] | list[str]") -> SpecError:
    close = difflib.get_close_matches(arch, known, 3)
    hint = f" Close: {', '.join(close)}." if close else f" See {library}'s list_models()."
    return SpecError(f"{library} has no architecture {arch!r}.{hint}")


def _timm(arch: str, options: Overrides) -> nn.Module:
    changes: dict[str, Any] = {"num_heads": options.heads, "act_layer": options.act}
    given = {name: value for name, value in changes.items() if value is not None}
    if given and not isinstance(skeleton("timm", arch), VisionTransformer):
        return skeleton("timm", arch)  # refused by `_check_options`
    model: nn.Module = timm.create_model(arch, pretrained=False, num_classes=0, **given)
    return model


def _torchvision(arch: str, _: Overrides) -> nn.Module:
    settings: dict[str, Any] = {"aux_logits": False, "init_weights": False} if arch in _WITHOUT_AUXILIARY else {}
    model: nn.Module = torchvision.models.get_model(arch, weights=None, **settings)
    last, classifier = list(model.named_children())[-1]
    if isinstance(classifier, nn.Sequential) and any(isinstance(part, nn.Flatten) for part in classifier):
        classifier[-1] = nn.Identity()  # the parts before it make a vector of the feature map
    else:
        setattr(model, last, nn.Identity())
    return model


def _check_options(library: str, arch: str, model: nn.Module, options: Overrides) -> None:
    for name, fits, which in (
        ("heads", isinstance(model, VisionTransformer), "vision transformers of timm"),
        ("act", isinstance(model, VisionTransformer), "vision transformers of timm"),
        ("transform_input", isinstance(model, Inception3 | GoogLeNet), "inception_v3 and googlenet of torchvision"),
    ):
        if getattr(options, name) is not None and not fits:
            raise SpecError(f"Option {name} is for {which}; {library}:{arch} is none: leave it out.")


class _ParametersOnMeta(TorchFunctionMode):
    """Puts on the meta device what holds parameters; other small tensors keep their values."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        settings = dict(kwargs or {})
        if func in _FACTORIES and settings.get("device") is None:
            settings["device"] = "meta"
        return func(*args, **settings)


@contextmanager
def _explained(library: str, arch: str, what: str) -> Iterator[None]:
    """Turn any error of a library into a sentence.

    Args:
        library, arch: the architecture.
        what: what it can't do, after "can't".
    """
    try:
        yield
    except (PoisonLabError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SpecError(
            f"{library}:{arch} can't {what} ({described(error)[:200]}). Choose another architecture or other options."
        ) from error
