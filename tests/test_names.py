"""One fact, one place: what is known of an attack or a defence stands in its own file, and no other file names it.

Elsewhere a name may stand only where somebody has chosen an experiment: a default, the gallery, the evidence; lessons
are data. No file asks which attack something is by a part of its name, or by the class of its settings.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.attacks.registry import RECORDS as ATTACKS
from core.defences.registry import RECORDS as DEFENCES
from core.system.paths import ROOT

NAMES = [*ATTACKS, *DEFENCES]
FILES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"])
OWN = {ROOT / "core" / kind for kind in ("attacks", "defences")}
"""Folders in which each attack and each defence has its file."""

CHOSEN: dict[str, set[str]] = {
    "core/spec/defaults.py": {
        "ft-matching",
        "fw-input",
        "tgda-feature",
    },  # today's default, and what earlier versions had
    "core/storage/gallery.py": set(ATTACKS) - {"best-input"},  # the experiments that ship
    "core/experiments/sweep.py": {"label-flip"},  # the line that every attack must beat
    "pages/sweep.py": {"tgda-feature"},  # what a new sweep compares with
    "pages/defend.py": {"sphere"},  # what is switched on at first
    "pages/_playground.py": {"sphere", "loss", "trim"},  # what the playground computes in the browser
    "pages/playground.py": {"sphere", "trim"},  # its scenes to begin with
}
"""Names that stand in a file because somebody has chosen an experiment."""
CHOSEN_FOLDER = "core/evidence/"
"""Grids and claims, which are frozen."""

WORDS: dict[str, set[str]] = {
    "core/attacks/ue_input.py": {"loss"},
    "core/certificates/certificate.py": {"noise"},
    "core/experiments/point_scores.py": {"loss"},
    "core/presentation/facts.py": {"noise"},
    "core/presentation/figures/curve.py": {"loss"},
    "core/presentation/point_table.py": {"loss"},
    "core/pretraining/checkpoint.py": {"knn"},
    "core/pretraining/recipe.py": {"knn"},
    "pages/_points.py": {"loss"},
    "pages/extractors.py": {"knn"},
    "pages/features.py": {"loss"},
    "pages/stages.py": {"loss"},
}
"""Names that are also words of the field, in the files where they are that: a loss, noise, a quality of features."""


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The text constants of a file with their lines, but for docstrings: what they say decides nothing."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def named(text: str) -> set[str]:
    """The attacks and defences that a text names; a name that is one word has to be the whole text."""
    return {name for name in NAMES if text == name or ("-" in name and re.search(rf"(?<![\w-]){name}(?![\w-])", text))}


def is_part(text: str) -> bool:
    """Whether a text is the beginning or the end of a name, as in `startswith("ft-")`."""
    return len(text) > 1 and (
        (text.endswith("-") and any(name.startswith(text) for name in NAMES))
        or (text.startswith("-") and any(name.endswith(text) for name in NAMES))
    )


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The modules of core that a file imports, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def own_name(path: Path) -> set[str]:
    """What a file of `core/attacks` or `core/defences` may name: itself."""
    return {path.stem.replace("_", "-")} if path.parent in OWN else set()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_other_file_names_an_attack_or_a_defence(path: Path) -> None:
    if place(path).startswith(CHOSEN_FOLDER):
        return
    allowed = own_name(path) | CHOSEN.get(place(path), set()) | WORDS.get(place(path), set())
    hits = [(line, name) for line, text in strings(ast.parse(path.read_text())) for name in named(text) - allowed]
    assert hits == []


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_file_asks_for_a_part_of_a_name(path: Path) -> None:
    assert [(line, text) for line, text in strings(ast.parse(path.read_text())) if is_part(text)] == []


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_other_file_imports_an_attack_or_a_defence(path: Path) -> None:
    """So that none can ask for the class of its settings; what several attacks share is for attacks alone."""
    own = {record.settings.__module__ for record in (*ATTACKS.values(), *DEFENCES.values())}
    private = () if path.is_relative_to(ROOT / "core" / "attacks") else ("core.attacks.parts",)
    modules = list(imported(ast.parse(path.read_text())))
    assert [(line, module) for line, module in modules if module in own or module.startswith(private)] == []


def test_each_file_holds_one_record() -> None:
    for kind, records in (("attacks", ATTACKS), ("defences", DEFENCES)):
        modules = {name: record.settings.__module__ for name, record in records.items()}
        assert modules == {name: f"core.{kind}.{name.replace('-', '_')}" for name in records}


def test_what_was_chosen_is_still_there() -> None:
    """A list of exceptions that no longer apply would hide what comes next."""
    for exceptions in (CHOSEN, WORDS):
        for file, names in exceptions.items():
            text = (ROOT / file).read_text()
            assert [name for name in names if f'"{name}"' not in text] == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ('if spec.attack.name == "ft-decoder":', "ft-decoder"),
        ('title = {"label-flip": "Flips"}[name]', "label-flip"),
        ('text = "as `gc-input` does"', "gc-input"),
        ('if name in ("sphere",):', "sphere"),
    ],
)
def test_a_name_in_a_file_is_seen(code: str, line: str) -> None:
    tree = ast.parse(f"{code}\n    pass" if code.startswith("if") else code)
    assert {name for _, text in strings(tree) for name in named(text)} == {line}


@pytest.mark.parametrize("text", ["ft-", "tgda-", "-input", "-feature"])
def test_a_part_of_a_name_is_seen(text: str) -> None:
    assert is_part(text)


@pytest.mark.parametrize("text", ["-", "--", "the ft-matching", "f", "vit-"])
def test_other_texts_are_none(text: str) -> None:
    assert not is_part(text)
