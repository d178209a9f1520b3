"""Architectures: whatever one does comes back as features of a known width, or as a sentence."""

import re

import pytest
import timm
import torch
import torchvision
from timm.models import _registry
from torch import Tensor, nn

from core.extractors import architectures
from core.extractors.architectures import PIXELS, Measure, backbone, measure, measures, skeleton
from core.extractors.files import SIZES
from core.extractors.overrides import NOTHING, Overrides
from core.system.errors import PoisonLabError, SpecError


def features(library: str, arch: str, size: int, options: Overrides = NOTHING) -> Tensor:
    torch.manual_seed(3)
    model = backbone(library, arch, options).eval()
    with torch.inference_mode():
        return model(torch.rand(2, 3, size, size))


@pytest.mark.parametrize(
    ("arch", "widths"),
    [
        ("squeezenet1_1", {64: 4608, 128: 25088, 224: 86528}),
        ("mnasnet0_5", {64: 1280, 128: 1280, 224: 1280}),
        ("regnet_y_400mf", {64: 440, 128: 440, 224: 440}),
        ("inception_v3", {128: 2048, 224: 2048}),  # smaller images vanish on their way
        ("maxvit_t", {224: 512}),
        ("convnext_tiny", {64: 768, 128: 768, 224: 768}),
    ],
)
def test_widths_are_measured_at_the_size_that_is_used(arch: str, widths: dict[int, int]) -> None:
    measured = measures("torchvision", arch, SIZES)
    assert {size: found.width for size, found in measured.items()} == widths
    size = min(widths)
    assert features("torchvision", arch, size).shape == (2, widths[size])


def test_multiply_adds_are_those_of_the_size() -> None:
    assert measure("torchvision", "resnet18", 224).macs == pytest.approx(1.814e9, rel=1e-3)
    # A quarter of the area is a quarter of the work where no odd side is rounded up.
    assert measure("torchvision", "resnet18", 128).macs == 4 * measure("torchvision", "resnet18", 64).macs


@pytest.mark.parametrize(
    ("library", "arch", "words"),
    [
        ("timm", "nothing", "timm has no architecture 'nothing'"),
        ("timm", "resnet19", "Close: resnet18"),
        ("timm", "resnet18.nonsense", "timm's resnet18 has no tag 'nonsense'. Allowed: a1_in1k, a2_in1k"),
        ("timm", "hf-hub:someone/something", "timm has no architecture 'hf-hub:someone/something'"),
        ("torchvision", "resnet19", "Close: resnet18"),
        ("torchvision", "r3d_18", "it takes videos"),
        ("torchvision", "fasterrcnn_resnet50_fpn", "it finds objects"),
        ("torchvision", "fcn_resnet50", "it labels pixels"),
        ("torchvision", "raft_small", "it compares two images"),
        ("torchvision", "quantized_resnet18", "it computes with whole numbers"),
        ("own", "nothing", "Unknown architecture 'nothing'"),
    ],
)
def test_what_a_library_lacks_is_named(library: str, arch: str, words: str) -> None:
    for attempt in (lambda: measure(library, arch, 64), lambda: backbone(library, arch)):
        with pytest.raises(SpecError) as caught:
            attempt()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("library", "arch", "options", "words"),
    [
        ("timm", "resnet18", Overrides(heads=3), "Option heads is for vision transformers of timm"),
        ("torchvision", "vit_b_16", Overrides(act="gelu"), "Option act is for vision transformers of timm"),
        ("timm", "inception_v3", Overrides(transform_input="true"), "is for inception_v3 and googlenet of torchvision"),
        (
            "timm",
            "test_vit",
            Overrides(heads=7),
            "can't be built (AssertionError: dim should be divisible by num_heads)",
        ),
    ],
)
def test_options_without_a_place_are_refused(library: str, arch: str, options: Overrides, words: str) -> None:
    for build in (backbone, skeleton):
        with pytest.raises(SpecError, match=re.escape(words)):
            build(library, arch, options)


def test_sizes_that_an_architecture_does_not_take_are_named() -> None:
    with pytest.raises(
        SpecError, match=r"vit_b_16 can't take images of 64 × 64 pixels \(AssertionError: Wrong image height"
    ):
        measure("torchvision", "vit_b_16", 64)
    with pytest.raises(SpecError, match="images of 96 × 96 pixels"):
        measures("torchvision", "vit_b_16", (64, 96))


class _Strange(nn.Module):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer
        self.fc = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"out": torch.ones(1, 2)}, "gives a dict for an image"),
        (torch.ones(1, 3, 7, 7), "gives 3 dimensions for an image"),
        (ZeroDivisionError("no\npixels"), "(ZeroDivisionError: no pixels)"),
        (AssertionError(), "(AssertionError)"),
    ],
)
def test_any_answer_but_a_vector_is_a_sentence(answer: object, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "skeleton", lambda *_: _Strange(answer))
    with pytest.raises(SpecError, match=re.escape(words)):
        measure.__wrapped__("torchvision", "resnet18", 64)


def test_options_change_the_function_and_no_entry() -> None:
    plain, heads, activation = (
        features("timm", "test_vit", 160, options)
        for options in (NOTHING, Overrides(heads=4), Overrides(act="quick_gelu"))
    )
    assert not torch.allclose(plain, heads, atol=1e-3)
    assert not torch.allclose(plain, activation, atol=1e-3)


def test_auxiliary_classifiers_are_left_out() -> None:
    names = skeleton("torchvision", "inception_v3").state_dict()
    assert not [name for name in names if name.startswith(("AuxLogits", "fc"))]
    assert skeleton("torchvision", "inception_v3", Overrides(transform_input="true")).transform_input is True


def test_a_skeleton_allocates_nothing() -> None:
    for library, arch in (("torchvision", "regnet_y_128gf"), ("timm", "vit_giant_patch14_dinov2")):
        assert {value.device.type for value in skeleton(library, arch).state_dict().values()} == {"meta"}


def _timm_sample() -> list[str]:
    """The last architecture of each module of timm, by name: mostly a small one."""
    modules: dict[str, list[str]] = {}
    for name in timm.list_models():
        modules.setdefault(_registry._model_to_module[name], []).append(name)
    return [names[-1] for names in modules.values()]


LARGEST = 40e6
HEAVIEST = 2e9
"""Parameters and multiply-adds of an architecture that is also run for real: others take too long."""


def _holds(library: str, arch: str, sizes: tuple[int, ...]) -> Measure | str:
    """What is measured, which is what it really gives; else the sentence that refuses it."""
    try:
        measured = measures(library, arch, sizes)
    except PoisonLabError as error:
        return str(error)
    size, found = next(iter(measured.items()))
    count = sum(value.numel() for value in skeleton(library, arch).parameters())
    if count < LARGEST and found.macs < HEAVIEST:
        assert features(library, arch, size).shape == (2, found.width), arch
    return found


@pytest.mark.slow
@pytest.mark.parametrize("arch", torchvision.models.list_models())
def test_all_of_torchvision_give_features_or_a_reason(arch: str) -> None:
    result = _holds("torchvision", arch, SIZES)
    builder = torchvision.models.get_model_builder(arch).__module__
    if builder.startswith(tuple(f"torchvision.models.{package}." for package in architectures._OTHERS)):
        assert isinstance(result, str)
        assert arch in result
        assert "can't be an extractor: it " in result
    else:
        assert isinstance(result, Measure)
        assert result.width > 100


@pytest.mark.slow
@pytest.mark.parametrize("arch", _timm_sample())
def test_each_module_of_timm_gives_features_or_a_reason(arch: str) -> None:
    config = timm.get_pretrained_cfg(arch)
    size = int(config.input_size[-1]) if config is not None else PIXELS
    result = _holds("timm", arch, (size,))
    assert isinstance(result, Measure) or f"timm:{arch}" in result
