"""What known checkpoints need although no tensor shows it: adapted, said, and open to being overridden."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from core.catalog.lookup import extractor_info as info
from core.extractors import sources
from core.extractors.build import build
from core.extractors.registry import IMAGENET
from tests.checkpoints import Tensors, as_openai_clip, hollow, prefixed, saved, whole

CPU = torch.device("cpu")
SMALL, CLIP = "vit_small_patch16_224", "vit_xsmall_patch16_clip_224"
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
HALF = (0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def small() -> Tensors:
    return whole(f"timm:{SMALL}")


@pytest.fixture(scope="module")
def clip() -> Tensors:
    return whole(f"timm:{CLIP}")


def moco(tensors: Tensors) -> dict[str, Tensors]:
    momentum = {name: torch.zeros((), dtype=value.dtype).expand(value.shape) for name, value in tensors.items()}
    return {
        "state_dict": {**prefixed("module.base_encoder.", tensors), **prefixed("module.momentum_encoder.", momentum)}
    }


def features(name: str, x: Tensor) -> Tensor:
    """Features (N, d) of images (N, 3, 224, 224) that are normalised already."""
    with torch.inference_mode():
        return build(info(name), 224, CPU).backbone(x)


def reference(arch: str, tensors: Tensors, x: Tensor, **settings: object) -> Tensor:
    model = timm.create_model(arch, pretrained=False, num_classes=0, **settings).eval()
    model.load_state_dict({name: value for name, value in tensors.items() if not name.startswith("head.")})
    with torch.inference_mode():
        return model(x)


def test_moco_has_twelve_heads(small: Tensors, tmp_path: Path) -> None:
    path, x = saved(tmp_path / "w.pth", moco(small)), torch.rand(2, 3, 224, 224)
    record = info(f"timm:{SMALL}@{path}")
    assert record.name.startswith(f"timm:{SMALL}?heads=12&mean=0.485,0.456,0.406&std=0.229,0.224,0.225@{path}#")
    assert (record.mean, record.std) == IMAGENET
    assert "The transformer has 12 attention heads, as in MoCo v3, which the names in the file show." in record.notes
    assert info(record.name) == record
    torch.testing.assert_close(features(record.name, x), reference(SMALL, small, x, num_heads=12))
    assert not torch.allclose(features(record.name, x), reference(SMALL, small, x), atol=1e-3)


def test_a_name_overrides_what_moco_has(small: Tensors, tmp_path: Path) -> None:
    path, x = saved(tmp_path / "w.pth", moco(small)), torch.rand(2, 3, 224, 224)
    name = f"timm:{SMALL}?heads=6&mean=0.5,0.5,0.5&std=0.5,0.5,0.5@{path}"
    record = info(name)
    assert record.name.startswith(f"{name}#")
    assert (record.mean, record.std) == (HALF, HALF)
    torch.testing.assert_close(features(name, x), reference(SMALL, small, x))


def test_the_same_file_without_a_momentum_encoder_is_read_as_timm_has_it(small: Tensors, tmp_path: Path) -> None:
    record = info(f"timm:{SMALL}@{saved(tmp_path / 'w.pth', prefixed('module.base_encoder.', small))}")
    assert record.options == ""
    assert (record.mean, record.std) == (HALF, HALF)
    assert "The transformer has 6 attention heads, as timm's architecture has; the file can't show it." in record.notes


def test_openais_clip_is_quick_gelu(clip: Tensors, tmp_path: Path) -> None:
    path, x = saved(tmp_path / "w.pth", as_openai_clip(clip)), torch.rand(2, 3, 224, 224)
    record = info(f"timm:{CLIP}@{path}")
    assert "act=quick_gelu" in record.options
    assert {note[-13:] for note in record.notes} >= {"say act=gelu."}
    torch.testing.assert_close(features(record.name, x), reference(CLIP, clip, x, act_layer="quick_gelu"))
    torch.testing.assert_close(features(f"timm:{CLIP}?act=gelu@{path}", x), reference(CLIP, clip, x))
    assert not torch.allclose(reference(CLIP, clip, x), reference(CLIP, clip, x, act_layer="quick_gelu"), atol=1e-3)


@pytest.mark.parametrize(
    ("arch", "is_openai"),
    [
        ("vit_base_patch32_clip_224", True),
        ("vit_base_patch32_clip_224.openai", True),
        ("vit_base_patch32_clip_224.laion2b", False),
        ("vit_huge_patch14_clip_224", False),
    ],
)
def test_networks_that_openai_never_trained_keep_their_activation(arch: str, is_openai: bool, tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", as_openai_clip(hollow(f"timm:{arch.partition('.')[0]}")))
    record = info(f"timm:{arch}@{path}")
    assert ("act=quick_gelu" in record.options) == is_openai
    if is_openai:
        assert record.mean == CLIP_MEAN


def test_an_architecture_that_has_it_already_needs_no_option(tmp_path: Path) -> None:
    arch = "vit_base_patch32_clip_quickgelu_224"
    record = info(f"timm:{arch}@{saved(tmp_path / 'w.pth', as_openai_clip(hollow(f'timm:{arch}')))}")
    assert record.options == ""
    assert any(note.startswith("Its activation is quick_gelu") for note in record.notes)


def test_dino_and_mae_normalise_as_imagenet_does(tmp_path: Path) -> None:
    tensors = hollow(f"timm:{SMALL}")
    dino = {"student": prefixed("module.backbone.", tensors), "teacher": prefixed("backbone.", tensors)}
    mae = {"model": {**tensors, "mask_token": torch.zeros(1, 1, 384), "decoder_embed.weight": torch.zeros(8, 384)}}
    for title, content in (("DINO", dino), ("MAE", mae)):
        record = info(f"timm:{SMALL}@{saved(tmp_path / f'{title}.pth', content)}")
        assert (record.mean, record.std) == IMAGENET
        assert any(f"as {title} normalises" in note for note in record.notes)


@pytest.mark.parametrize("arch", ["inception_v3", "googlenet"])
@pytest.mark.parametrize("is_published", [True, False])
def test_torchvisions_own_inception_transforms_its_input(
    arch: str, is_published: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = hollow(f"torchvision:{arch}", init_weights=False)
    path = saved(tmp_path / "w.pth", tensors)
    if is_published:
        digest = info(f"torchvision:{arch}@{path}").name[-16:]
        monkeypatch.setitem(sources._PUBLISHED, arch, ("other-", digest[:8]))
    copy = saved(tmp_path / "copy.pth", tensors)  # torch writes the name of the file into it
    copy.write_bytes(path.read_bytes())
    record = info(f"torchvision:{arch}?prefix=@{copy}")
    assert ("transform_input=true" in record.options) == is_published
    assert build(record, 128, CPU).backbone.transform_input is is_published
    words = "is true, as torchvision's own" if is_published else "need transform_input=true"
    assert any(words in note for note in record.notes)


def test_transform_input_can_be_said_and_changes_the_features(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", whole("torchvision:googlenet", init_weights=False))
    x = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    plain, transformed = (
        features(f"torchvision:googlenet{query}@{path}", x) for query in ("", "?transform_input=true")
    )
    channels = [x[:, i] * (s / 0.5) + (m - 0.5) / 0.5 for i, (m, s) in enumerate(zip(*IMAGENET, strict=True))]
    by_hand = features(f"torchvision:googlenet@{path}", torch.stack(channels, 1))
    scale = float(plain.norm())  # random weights without an initialisation of their own make small features
    torch.testing.assert_close(transformed / scale, by_hand / scale)
    assert float((plain - transformed).norm()) > 0.1 * scale


def test_published_files_are_known_by_name(tmp_path: Path) -> None:
    tensors = hollow("torchvision:inception_v3", init_weights=False)
    record = info(f"torchvision:inception_v3@{saved(tmp_path / 'inception_v3_google-other.pth', tensors)}")
    assert record.options == "transform_input=true"
