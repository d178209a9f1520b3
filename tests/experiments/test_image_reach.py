"""What images can do at all, measured on a real run in small."""

import pytest

from core.experiments.image_reach import DISTANCES, NEAR, ImageReach, check, image_reach
from core.experiments.run import run
from core.spec.experiment import parse_spec
from core.system.errors import SpecError

SMALL = {"train_size": 300, "test_size": 300, "budget": 0.1, "ridge": 0.03}


def test_the_measurement_lies_between_images_and_the_box() -> None:
    attack = {"name": "tgda-input", "steps": 3}
    result = run(parse_spec({**SMALL, "attack": attack, "label_rule": "clean"}), device="cpu", with_map=False)
    poison = {"x": result.poison.x, "y": result.poison.y, "base_index": result.poison.base_index}
    reach = image_reach(result.spec, poison, "cpu")
    assert reach.images == pytest.approx(100 * (result.clean.accuracy - result.poisoned.accuracy), abs=1e-9)
    assert tuple(near.distance for near in reach.near) == DISTANCES
    for near in reach.near:
        assert 0 < near.mean <= near.distance + 1e-6
    assert reach.near[-1].drop > reach.images
    assert reach.box > reach.images
    assert reach.near_drop == next(near.drop for near in reach.near if near.distance == NEAR)
    assert ImageReach.from_json(reach.to_json()) == reach


@pytest.mark.parametrize(
    ("attack", "makes_images", "constraint", "words"),
    [("tgda-feature", False, "valid", "makes features only"), ("tgda-input", True, "none", "allowed: valid, pert")],
)
def test_what_has_no_images_is_refused(attack: str, makes_images: bool, constraint: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        check(parse_spec({"attack": attack, "constraint": constraint}), makes_images=makes_images)
