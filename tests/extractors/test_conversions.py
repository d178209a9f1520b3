"""timm's renaming of foreign checkpoints: values arrive where they belong, and nothing is resampled."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.extractors import checkpoints
from core.extractors.architectures import skeleton
from core.extractors.conversions import converted
from core.extractors.fitting import Fit, fit
from core.system.errors import WeightsError
from tests.checkpoints import Tensors, as_openai_clip, prefixed, saved, whole

CLIP = "vit_xsmall_patch16_clip_224"


def fitted(path: Path, arch: str) -> Fit:
    return fit(checkpoints.read(path), "timm", arch)


@pytest.fixture(scope="module")
def clip() -> Tensors:
    return whole(f"timm:{CLIP}")


def test_a_tower_of_clip_is_renamed(clip: Tensors, tmp_path: Path) -> None:
    found = fitted(saved(tmp_path / "w.pth", as_openai_clip(clip)), CLIP)
    assert all(torch.equal(value, clip[name]) for name, value in found.weights.items())
    assert set(found.weights) == {name for name in clip if not name.startswith("head.")}
    assert found.tree.beginning == "visual."
    assert found.unused.kinds == {"classifier": 1}  # the projection into the space of texts


def test_what_a_renaming_leaves_over_is_named(clip: Tensors, tmp_path: Path) -> None:
    deeper = {**as_openai_clip(clip), "visual.transformer.resblocks.12.ln_1.weight": torch.ones(256)}
    with pytest.raises(WeightsError, match=r"'visual\.transformer\.resblocks\.12\.ln_1\.weight'"):
        fitted(saved(tmp_path / "w.pth", deeper), CLIP)


def test_another_grid_or_patch_is_not_resampled(clip: Tensors, tmp_path: Path) -> None:
    positions = "visual.positional_embedding"
    tensors = as_openai_clip(clip)
    with pytest.raises(WeightsError, match="entries are missing"):
        fitted(saved(tmp_path / "w.pth", {**tensors, positions: torch.ones(1 + 20 * 20, 256)}), CLIP)
    with pytest.raises(WeightsError, match="entries are missing"):
        fitted(saved(tmp_path / "w.pth", {**tensors, "visual.conv1.weight": torch.ones(256, 3, 14, 14)}), CLIP)


def dinov2() -> Tensors:
    """A tiny transformer with two register tokens, as DINOv2 names and shapes its entries."""
    tensors = whole("timm:vit_tiny_patch16_224", reg_tokens=2, no_embed_class=True)
    tensors["register_tokens"] = tensors.pop("reg_token")
    start = torch.full((1, 1, 192), 3.0)
    tensors["pos_embed"] = torch.cat([start, tensors["pos_embed"]], 1)
    return {**tensors, "mask_token": torch.zeros(1, 192)}


def test_the_class_token_of_dinov2_keeps_its_position() -> None:
    """Its sources are known by name, so that nothing counts as left over."""
    import timm

    with torch.device("meta"):
        model = timm.create_model(
            "vit_tiny_patch16_224", pretrained=False, num_classes=0, reg_tokens=2, no_embed_class=True
        )
    tensors = dinov2()
    dictionary = checkpoints.Dictionary((), prefixed("teacher.backbone.", tensors))
    (tree,) = converted(dictionary, model, model.state_dict())
    assert tree.prefix == "teacher.backbone."
    assert torch.equal(tree.entries["cls_token"], tensors["cls_token"] + 3)
    assert torch.equal(tree.entries["pos_embed"], tensors["pos_embed"][:, 1:])
    assert tree.sources is not None
    assert tree.sources["cls_token"] == {"cls_token", "pos_embed"}
    assert tree.sources["reg_token"] == {"register_tokens"}
    assert "mask_token" not in set().union(*tree.sources.values())


def test_networks_without_a_renaming_have_none() -> None:
    model = skeleton("torchvision", "resnet18")
    values: dict[str, Tensor] = {"a": torch.ones(1)}
    assert converted(checkpoints.Dictionary((), values), model, model.state_dict()) == []
