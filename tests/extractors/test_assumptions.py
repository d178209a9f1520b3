"""What is assumed of a weights file is said, sentence by sentence, without a path."""

from pathlib import Path

import torch

from core.catalog.lookup import extractor_info as info
from tests.checkpoints import prefixed, saved, whole

NORMALISED = "Images are normalised with mean 0.485, 0.456, 0.406 and standard deviation 0.229, 0.224, 0.225"


def test_a_plain_file_of_torchvision(tmp_path: Path) -> None:
    arch = "torchvision:shufflenet_v2_x0_5"
    record = info(f"{arch}@{saved(tmp_path / 'w.pth', whole(arch))}")
    assert record.notes == (
        "Entries that are not used: classifier (2).",
        f"{NORMALISED} (torchvision's values for ImageNet).",
    )


def test_a_state_of_training_with_averaged_weights(tmp_path: Path) -> None:
    tensors = whole("timm:test_resnet")
    content = {
        "epoch": 7,
        "state_dict": prefixed("module._orig_mod.", tensors),
        "state_dict_ema": {**prefixed("module.", tensors), "n_averaged": torch.tensor(3)},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}},
    }
    record = info(f"timm:test_resnet@{saved(tmp_path / 'w.pth', content)}")
    assert record.name.startswith("timm:test_resnet?weights=ema@")
    assert record.notes[:5] == (
        "The weights are those of the dictionary 'state_dict_ema' in the file.",
        "The prefix 'module.' was stripped from the names of the weights.",
        "The file holds averaged (EMA) and raw weights: the averaged ones were taken, as timm does; weights=raw "
        "changes it.",
        "Entries that are not used: classifier (2).",
        "Tensors of the file that belong to something else, and are not used: 1 under other prefixes, "
        f"{len(tensors)} under 'state_dict', 1 under 'optimizer'.",
    )
    assert info(record.name) == record
    assert record.notes[5].endswith("(the values of timm's test_resnet r160_in1k).")


def test_what_the_name_says_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", whole("timm:test_vit"))
    record = info(f"timm:test_vit?heads=4&act=relu&mean=0.1,0.2,0.3&std=0.4,0.5,0.6@{path}")
    assert record.notes == (
        "Entries that are not used: classifier (2).",
        "Images are normalised with mean 0.1, 0.2, 0.3 and standard deviation 0.4, 0.5, 0.6 (as the name says).",
        "The transformer has 4 attention heads, as the name says.",
        "Its activation is relu, as the name says.",
    )
    assert (record.mean, record.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_the_tag_gives_mean_and_deviation(tmp_path: Path) -> None:
    tensors = whole("timm:vit_tiny_patch16_224")
    path = saved(tmp_path / "w.pth", tensors)
    default, tagged = (info(f"timm:vit_tiny_patch16_224{tag}@{path}") for tag in ("", ".augreg_in21k"))
    assert any("(the values of timm's vit_tiny_patch16_224 augreg_in21k_ft_in1k)" in note for note in default.notes)
    assert any("(the values of timm's vit_tiny_patch16_224 augreg_in21k)" in note for note in tagged.notes)


def test_other_weights_that_fit_are_named(tmp_path: Path) -> None:
    tensors = whole("timm:test_resnet")
    content = {**prefixed("encoder_q.", tensors), **prefixed("encoder_k.", tensors)}
    record = info(f"timm:test_resnet@{saved(tmp_path / 'w.pth', content)}")
    assert any(
        note.startswith(
            "The file holds other weights that fit: the outermost dictionary under the prefix 'encoder_k.'."
        )
        for note in record.notes
    )
    assert "The prefix 'encoder_q.' was stripped from the names of the weights." in record.notes
    assert not [note for note in record.notes if str(tmp_path) in note]
