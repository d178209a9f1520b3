"""Options that the models give."""

import inspect
from typing import Any, Literal

import pytest
import typer
from pydantic import Field
from typer.core import TyperOption
from typer.testing import CliRunner

from core.cli.main import cli
from core.cli.options import NO_OPTIONS, help_text, options_of
from core.spec import defaults
from core.spec.experiment import ExperimentSpec

FIELDS = {name: field for name, field in ExperimentSpec.model_fields.items() if name not in NO_OPTIONS}


def options(command: str) -> dict[str, TyperOption]:
    """The options of a command by the names of their parameters."""
    group: Any = typer.main.get_command(cli)
    return {option.name: option for option in group.commands[command].params}


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_has_an_option_with_its_default_and_description(name: str) -> None:
    option, default = options("run")[name], getattr(ExperimentSpec(), name)
    assert option.opts[0] == "--" + name.replace("_", "-")
    assert option.default == (default.name if name == "attack" else default)
    assert not option.required
    description = FIELDS[name].description
    assert description
    assert (option.help or "").startswith(description.rstrip("."))


@pytest.mark.parametrize(
    ("command", "names"),
    {
        "sweep": ["attack", "budget", "seed", "extractor"],
        "pretrain": ["data"],
        "compare-extractors": ["data"],
        "compare-settings": ["data", "extractor", "attack", "budget", "constraint", "train_size", "test_size", "seed"],
        "reproduce": ["seed", "budget", "data", "train_size", "test_size"],
    }.items(),
)
def test_a_shared_option_says_the_same(command: str, names: list[str]) -> None:
    assert [name for name in names if not options(command)[name].help.startswith(help_text(FIELDS[name]))] == []


def test_the_ridge_has_two_names() -> None:
    assert options("run")["ridge"].opts == ["--ridge", "--lambda"]


class Wider(ExperimentSpec):
    """An experiment of tomorrow."""

    rounds: int = Field(3, ge=1, le=2000, description="Rounds of the game.")
    mood: Literal["calm", "wild"] | None = Field(None, description="Mood of the attacker.")
    loud: bool = Field(False, description="Whether it is loud.")
    share: float = Field(0.5, gt=0, lt=1, description="Share of the loot.")


def test_a_new_field_is_an_option_by_itself() -> None:
    values: dict[str, Any] = {}

    def play(**given: Any) -> None:
        values.update(given)

    play.__signature__ = inspect.Signature(options_of(Wider))  # type: ignore[attr-defined]
    app = typer.Typer()
    app.command()(play)
    arguments = ["--rounds", "7", "--mood", "wild", "--loud", "--budget", "0.5"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert values == {
        **Wider().model_dump(),
        "evade": None,
        "attacker_data": "training",
        "attacker_ridge": None,
        "attacker_extractor": None,
        "attack": defaults.ATTACK,
        "rounds": 7,
        "mood": "wild",
        "loud": True,
        "budget": 0.5,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rounds", "Rounds of the game; at least 1, at most 2,000."),
        ("mood", "Mood of the attacker: calm or wild."),
        ("loud", "Whether it is loud."),
        ("share", "Share of the loot; more than 0, less than 1."),
        ("constraint", "What limits the poisoned points: none, valid or perturbation."),
        ("ridge", "λ of the head's objective; more than 0, at most 1,000."),
    ],
)
def test_help_says_what_is_allowed(name: str, text: str) -> None:
    assert help_text(Wider.model_fields[name]) == text
