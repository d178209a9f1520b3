"""Names of weights files: parts, and the name that they make."""

from pathlib import Path

import pytest

from core.extractors import names
from core.extractors.overrides import Overrides
from core.system.errors import SpecError


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("timm:resnet18@/a/w.pth", ("timm", "resnet18", Overrides(), Path("/a/w.pth"), None)),
        ("timm:resnet18.a1_in1k@/a@b/w.pth", ("timm", "resnet18.a1_in1k", Overrides(), Path("/a@b/w.pth"), None)),
        (
            "timm:vit_small_patch16_224?heads=12&weights=ema@/a/w?x=1.pth#0123456789abcdef",
            (
                "timm",
                "vit_small_patch16_224",
                Overrides(heads=12, weights="ema"),
                Path("/a/w?x=1.pth"),
                "0123456789abcdef",
            ),
        ),
    ],
)
def test_a_name_has_parts_and_comes_back(name: str, parts: tuple[object, ...]) -> None:
    named = names.parse(name)
    assert (named.library, named.arch, named.options, named.path, named.digest) == parts
    assert str(named) == name


def test_no_options_are_no_question_mark() -> None:
    assert str(names.parse("own:resnet10-small?@/w.safetensors")) == "own:resnet10-small@/w.safetensors"


@pytest.mark.parametrize("name", ["timm:resnet18", "keras:resnet18@w.pth", "timm:@w.pth", "timm:?heads=3@w.pth"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SpecError, match="Allowed: timm:ARCH@FILE"):
        names.parse(name)


def test_files_and_uploads_are_user_supplied() -> None:
    assert names.is_user_supplied("timm:resnet18@w.pth")
    assert names.is_user_supplied("upload:mine-0123456789abcdef")
    assert not names.is_user_supplied("resnet18-imagenet")
