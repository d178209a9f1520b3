"""The outer call trusts no attack: whatever breaks the contract is one sentence that names the attack."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.attacks.algorithms.base import Draft, Plan, Scene
from core.attacks.execution import execute
from core.attacks.registry import RECORDS, record_of
from core.spec.events import Event, Observer, Snapshot, silent
from core.system.errors import AttackError, Cancelled, InsufficientMemory
from tests import tiny
from tests.plugins import BLEND, loaded

Run = Callable[[Any, Scene, Plan, Observer], Any]


def executed(run: Run, observe: Observer = silent, attack: str = "label-flip") -> None:
    """Let a runner stand in for that of an attack."""
    execute(tiny.spec(attack), tiny.scene(), observe, replace(RECORDS[attack], run=run))


def returns(**changes: Callable[[Scene, Plan], Any]) -> Run:
    """A runner that hands back the base images, with some fields of the draft changed."""

    def run(settings: Any, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        draft = Draft(x=scene.images[plan.base])
        return replace(draft, **{field: change(scene, plan) for field, change in changes.items()})

    return run


def filled(value: float) -> Callable[[Scene, Plan], torch.Tensor]:
    """Base images, the first pixel of which has a value."""

    def x(scene: Scene, plan: Plan) -> torch.Tensor:
        images = scene.images[plan.base].clone()
        images[0, 0, 0, 0] = value
        return images

    return x


BROKEN: dict[str, tuple[Run, str]] = {
    "nothing": (lambda *_: None, "returned NoneType instead of a Draft."),
    "images alone": (lambda settings, scene, plan, observe: scene.images[plan.base], "returned Tensor instead of"),
    "too many": (
        returns(base=lambda scene, plan: torch.arange(plan.n_poison + 1)),
        "left its budget or its label rule",
    ),
    "labels of others": (returns(y=lambda scene, plan: scene.y[plan.base]), "left its budget or its label rule"),
    "no such row": (returns(base=lambda scene, plan: plan.base + 300), "base that is no tensor of whole numbers"),
    "rows before the first": (returns(base=lambda scene, plan: plan.base - 300), "whole numbers from 0 to 299."),
    "a list of rows": (returns(base=lambda scene, plan: plan.base.tolist()), "base that is no tensor"),
    "fractions of labels": (returns(y=lambda scene, plan: plan.y.double()), "y that is no tensor of whole numbers"),
    "features only": (
        returns(x=lambda *_: None, zeta=lambda scene, plan: scene.z[plan.base]),
        "did not make 12 images, as its record says.",
    ),
    "too few images": (returns(x=lambda scene, plan: scene.images[plan.base][1:]), "did not make 12 images"),
    "one number": (returns(x=lambda *_: torch.tensor(0.5)), "did not make 12 images"),
    "other images": (
        returns(x=lambda scene, plan: scene.images[plan.base][..., :4]),
        "returned x of shape (12, 1, 8, 4) instead of (12, 1, 8, 8).",
    ),
    "arrays": (returns(x=lambda scene, plan: scene.images[plan.base].numpy()), "returned x as ndarray instead of a"),
    "grey levels": (
        returns(x=lambda scene, plan: (255 * scene.images[plan.base]).to(torch.uint8)),
        "returned x of dtype torch.uint8 instead of a floating one.",
    ),
    "not a number": (returns(x=filled(float("nan"))), "returned x with values that are not finite."),
    "infinite": (returns(x=filled(float("inf"))), "returned x with values that are not finite."),
    "flat features": (
        returns(zeta=lambda scene, plan: scene.z[plan.base].flatten()),
        "returned zeta of shape (288,) instead of (12, 24).",
    ),
    "a head of another shape": (
        returns(target=lambda scene, plan: scene.clean_head[:, :-1]),
        "returned target of shape (10, 24) instead of (10, 25).",
    ),
    "notes in words": (returns(notes=lambda *_: {"how": "well"}), "notes that are no mapping of names to numbers."),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_contract_is_one_sentence(case: str) -> None:
    run, words = BROKEN[case]
    with pytest.raises(AttackError, match=re.escape(words)) as error:
        executed(run)
    assert str(error.value).startswith("The attack 'label-flip' ")
    assert str(error.value).endswith(".")


def test_images_of_an_attack_that_makes_none_are_refused() -> None:
    def run(settings: Any, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        return Draft(zeta=scene.z[plan.base], x=scene.images[plan.base])

    with pytest.raises(AttackError, match="made images, though its record says that it makes none"):
        executed(run, attack="tgda-feature")


def reports(event: Event) -> Run:
    """A runner that reports an event."""

    def run(settings: Any, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        observe(event)
        return Draft(x=scene.images[plan.base])

    return run


def test_stages_of_other_attacks_are_refused() -> None:
    with pytest.raises(AttackError, match="reports the stage 'stage2', which is not in its record"):
        executed(reports(Event("stage2", 1, 2)), attack="tgda-input")


def test_values_are_numbers() -> None:
    with pytest.raises(AttackError, match="values of the stage 'pixels' that are no numbers"):
        executed(reports(Event("pixels", 1, 2, {"loss": "low"})), attack="tgda-input")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "snapshot", [Snapshot(), Snapshot(z=torch.zeros(3, 24)), Snapshot(z=torch.zeros(3, 24), theta=None)]
)
def test_what_is_shown_on_the_way_can_be_judged(snapshot: Snapshot) -> None:
    def look(event: Event) -> None:
        assert event.snapshot is not None
        event.snapshot()

    with pytest.raises(AttackError, match="neither a head nor the features of 12 poisoned samples in its stage"):
        executed(reports(Event("pixels", 1, 2, snapshot=lambda: snapshot)), look, "tgda-input")


def raises(error: BaseException) -> Run:
    """A runner that fails."""

    def run(settings: Any, scene: Scene, plan: Plan, observe: Observer) -> Draft:
        raise error

    return run


def test_a_bug_of_an_attack_that_ships_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        executed(raises(ZeroDivisionError("division by zero")))


@pytest.mark.parametrize(
    "error", [Cancelled("stop"), InsufficientMemory("too little"), MemoryError(), KeyboardInterrupt()]
)
def test_what_is_no_fault_of_a_plugin_passes(error: BaseException) -> None:
    with loaded(BLEND), pytest.raises(type(error)):
        executed(raises(error), attack="blend")


def test_a_fault_of_the_observer_is_none_of_the_plugin() -> None:
    def fail(event: Event) -> None:
        raise OSError("the connection is lost")

    with loaded(BLEND), pytest.raises(OSError, match="the connection is lost"):
        execute(tiny.spec("blend"), tiny.scene(), fail)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("scene.images[10 ** 6]", "IndexError: index 1000000 is out of bounds"),
        ("assert False", "AssertionError"),
    ],
)
def test_an_error_of_a_plugin_is_said_with_its_line(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    before, after = BLEND.read_text().split("    other = ")
    path.write_text(f"{before}    {line}\n    other = {after}")
    number = before.count("\n") + 1
    with loaded(path), pytest.raises(AttackError, match=re.escape(words)) as error:
        execute(tiny.spec("blend"), tiny.scene(), silent)
    text = str(error.value)
    assert text.startswith("The attack 'blend' failed: ")
    assert text.endswith(f"({path}, line {number}).")
    assert "\n" not in text


def test_a_plugin_gets_what_others_get() -> None:
    events: list[Event] = []
    with loaded(BLEND):
        assert record_of("blend").title == "Blend"
        attacked = execute(tiny.spec("blend", attack={"share": 0.25}), tiny.scene(), events.append)
    scene = tiny.scene()
    assert attacked.x is not None
    moved = (attacked.x - scene.images[attacked.base]).abs().flatten(1).amax(1)
    assert bool((moved > 0).all())
    assert bool((moved <= 0.25 + 1 / 255).all())
    assert [event.done for event in events] == [0, 1, 2, 3, 4]
    assert events[4].snapshot is not None
    torch.testing.assert_close(events[4].snapshot().x, attacked.x, atol=1 / 255, rtol=0)
