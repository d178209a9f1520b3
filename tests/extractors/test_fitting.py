"""Every tensor of a weights file is accounted for: what the architecture lacks is refused by name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.extractors import checkpoints
from core.extractors.fitting import fit
from core.extractors.overrides import Overrides, parse
from core.system.errors import WeightsError
from tests.checkpoints import Tensors, hollow, prefixed, saved, whole


def fitted(path: Path, arch: str, options: Overrides | None = None) -> Tensors:
    library, _, name = arch.partition(":")
    return dict(fit(checkpoints.read(path), library, name, options or Overrides()).weights)


def refusal(path: Path, arch: str) -> str:
    with pytest.raises(WeightsError) as caught:
        fitted(path, arch)
    assert "\n" not in str(caught.value)
    return str(caught.value)


DEEPER = [
    ("torchvision:resnet34", "torchvision:resnet18", "80 entries, such as 'module.layer1.2.conv1.weight'"),
    ("torchvision:resnet152", "torchvision:resnet101", "layer2.4.conv1.weight"),
    ("timm:resnet34", "timm:resnet18", "layer1.2.conv1.weight"),
    ("timm:vit_small_patch14_reg4_dinov2", "timm:vit_small_patch14_dinov2", "'pos_embed', which is 1 × 1369 × 384"),
    ("timm:vit_small_patch14_dinov2", "timm:vit_small_patch16_224", "'pos_embed', which is 1 × 1370 × 384 in the file"),
    ("timm:vit_small_patch32_224", "timm:vit_small_patch16_224", "'pos_embed', which is 1 × 50 × 384 in the file"),
    ("timm:vit_small_patch16_384", "timm:vit_small_patch16_224", "'pos_embed', which is 1 × 577 × 384 in the file"),
    ("timm:convnext_nano", "timm:convnext_atto", "such as 'stem.0.weight'"),
    ("torchvision:densenet169", "torchvision:densenet121", "in the file and 1024 in the architecture"),
    ("torchvision:efficientnet_b1", "torchvision:efficientnet_b0", "features.1.1.block.0.0.weight"),
]


@pytest.mark.parametrize(("made", "named", "words"), DEEPER)
def test_another_architecture_is_refused_with_what_the_file_looks_like(
    made: str, named: str, words: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "w.pth", {"state_dict": prefixed("module.", hollow(made))})
    message = refusal(path, named)
    assert words in message
    assert f"does not fit {named}" in message
    assert f"It looks like {made}." in message
    assert fitted(path, made)


EXTRA: dict[str, Tensors] = {
    "blocks.12.attn.qkv.weight": {"blocks.12.attn.qkv.weight": torch.zeros(192, 64)},
    "blocks.0.ls1.gamma": {f"blocks.{i}.ls{j}.gamma": torch.ones(64) for i in range(6) for j in (1, 2)},
    "register_tokens": {"register_tokens": torch.zeros(1, 4, 64)},
    "reg_token": {"reg_token": torch.zeros(1, 4, 64)},
    "norm_pre.weight": {"norm_pre.weight": torch.ones(64)},
    "other": {"other": torch.ones(1)},
}


@pytest.mark.parametrize("name", EXTRA)
@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_what_an_architecture_has_no_place_for_is_named(name: str, prefix: str, tmp_path: Path) -> None:
    tensors = {**whole("timm:test_vit"), **EXTRA[name]}
    assert f"'{prefix}{name}'" in refusal(saved(tmp_path / "w.pth", prefixed(prefix, tensors)), "timm:test_vit")


UNUSED: dict[str, tuple[str, Tensors]] = {
    "classifier": (
        "classifier",
        {"fc.weight": torch.ones(3), "fc.bias": torch.ones(3), "head.mlp.0.bias": torch.ones(1)},
    ),
    "projector": ("projector or predictor", {"projector.0.weight": torch.ones(3), "queue": torch.ones(2, 2)}),
    "predictor": ("projector or predictor", {"predictor.0.weight": torch.ones(3)}),
    "mask token": ("mask token", {"mask_token": torch.ones(1, 1, 64)}),
    "decoder": ("decoder", {"decoder_embed.weight": torch.ones(3), "decoder_blocks.0.norm.bias": torch.ones(1)}),
    "counter": ("counter of BatchNorm", {"bn.num_batches_tracked": torch.tensor(3)}),
}


@pytest.mark.parametrize("case", UNUSED)
def test_a_short_list_of_kinds_may_stay_unused(case: str, tmp_path: Path) -> None:
    kind, extra = UNUSED[case]
    source = {name: value for name, value in whole("timm:test_vit").items() if not name.startswith("head.")}
    path = saved(tmp_path / "w.pth", {**source, **extra})
    found = fit(checkpoints.read(path), "timm", "test_vit")
    assert found.unused.kinds == {kind: len(extra)}
    assert found.unused.unknown == ()
    assert all(torch.equal(value, source[name]) for name, value in found.weights.items())
    assert set(found.weights) == set(source)


def test_a_second_copy_is_counted_as_another_tree(tmp_path: Path) -> None:
    mine, other = whole("timm:test_resnet"), hollow("timm:test_resnet")
    path = saved(tmp_path / "w.pth", {**mine, **prefixed("momentum_encoder.", other)})
    found = fit(checkpoints.read(path), "timm", "test_resnet")
    assert found.tree.prefix == ""
    assert [tree.prefix for tree in found.others] == ["momentum_encoder."]
    assert found.unused.elsewhere == len(other)
    assert all(torch.equal(value, mine[name]) for name, value in found.weights.items())


def test_the_teacher_is_taken_or_what_the_options_say(tmp_path: Path) -> None:
    ones = {name: torch.ones_like(value) for name, value in whole("timm:test_resnet").items()}
    twos = {name: 2 * value for name, value in ones.items()}
    threes = {name: 3 * value for name, value in ones.items()}
    path = saved(
        tmp_path / "w.pth",
        {"student": prefixed("backbone.", ones), "teacher": prefixed("backbone.", twos), "model_ema": threes},
    )

    def taken(query: str) -> set[float]:
        return {float(value.flatten()[0]) for value in fitted(path, "timm:test_resnet", parse(query)).values()}

    assert taken("") == {3.0}
    assert taken("weights=ema") == {3.0}
    assert taken("weights=raw") == {2.0}
    assert taken("prefix=backbone.") == {2.0}
    assert taken("prefix=") == {3.0}
    with pytest.raises(WeightsError, match="entries are missing"):
        taken("prefix=encoder.")
    with pytest.raises(WeightsError, match=r"holds no averaged \(EMA\) weights: leave weights= out"):
        taken("prefix=backbone.&weights=ema")


def test_old_files_lack_counters(tmp_path: Path) -> None:
    source = whole("torchvision:shufflenet_v2_x0_5")
    old = {name: value for name, value in source.items() if not name.endswith("num_batches_tracked")}
    found = fitted(saved(tmp_path / "w.pth", old), "torchvision:shufflenet_v2_x0_5")
    assert all(torch.equal(value, source[name]) for name, value in found.items())
    assert len(found) == len(old) - 2


BROKEN: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "one NaN": (lambda value: value.index_fill(0, torch.tensor(0), torch.nan), "values that are not finite"),
    "infinity": (lambda value: value / 0, "values that are not finite"),
    "too large for float32": (lambda value: value.double().sign() * 1e300, "values that are not finite"),
    "whole numbers": (lambda value: value.to(torch.int8), "is of kind int8, as in quantised"),
    "complex": (lambda value: value.to(torch.complex64), "is of kind complex64"),
    "float8": (lambda value: value.to(torch.float8_e4m3fn), "is of kind float8_e4m3fn"),
    "no values": (lambda value: value.to("meta"), "has a shape and no values"),
    "sparse of the same shape": (lambda value: value.to_sparse(), "is of kind sparse_coo"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_entry_that_is_no_array_of_numbers_is_named(case: str, tmp_path: Path) -> None:
    broken, words = BROKEN[case]
    tensors = whole("timm:test_resnet")
    name = "layer2.0.conv1.weight"
    message = refusal(
        saved(tmp_path / "w.pth", prefixed("net.", {**tensors, name: broken(tensors[name])})), "timm:test_resnet"
    )
    assert words in message
    assert name in message


def test_what_is_not_used_may_be_broken(tmp_path: Path) -> None:
    tensors = whole("timm:test_resnet")
    tensors["fc.weight"] = torch.full_like(tensors["fc.weight"], torch.nan)
    assert fitted(saved(tmp_path / "w.pth", tensors), "timm:test_resnet")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read(kind: torch.dtype, tmp_path: Path) -> None:
    tensors = {
        name: value.to(kind) if value.is_floating_point() else value
        for name, value in whole("timm:test_resnet").items()
    }
    found = fitted(saved(tmp_path / "w.pth", tensors), "timm:test_resnet")
    assert torch.equal(found["layer2.0.conv1.weight"], tensors["layer2.0.conv1.weight"])
