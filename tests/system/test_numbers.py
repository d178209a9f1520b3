"""Numbers as a person writes them, above all at the edges."""

import ast
import math
from pathlib import Path

import pytest

from core.system import numbers
from core.system.paths import ROOT

SHOWN = ("core/attacks", "core/catalog", "core/cli", "core/presentation", "pages")
"""Folders whose texts people read."""
FOR_PROGRAMS = {"pages/_lesson_question.py"}  # an answer in a link
"""Files with numbers that are formatted for programs."""


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.0, 1, "0.0"),
        (-0.0, 1, "0.0"),
        (-0.04, 1, "0.0"),
        (-0.06, 1, "-0.1"),
        (1234.56, 1, "1,234.6"),
        (0.126, 2, "0.13"),
        (None, 1, "—"),
        (math.nan, 1, "—"),
        (math.inf, 1, "—"),
    ],
)
def test_a_number_with_decimals(value: float | None, decimals: int, text: str) -> None:
    assert numbers.fixed(value, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(1.26, "+1.3"), (-1.26, "-1.3"), (0.04, "0.0"), (-0.04, "0.0")])
def test_a_change_has_its_sign_unless_it_is_none(value: float, text: str) -> None:
    assert numbers.fixed(value, sign=True) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (-0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.683, "68.3 %"),
        (0.005, "0.5 %"),
        (0.0004, "0.04 %"),
        (1e-9, "less than 0.001 %"),
        (0.9995, "99.95 %"),
        (0.9996, "99.96 %"),
        (0.9994, "99.9 %"),
        (1 - 1e-9, "more than 99.999 %"),
        (-0.0123, "-1.2 %"),
        (1.5, "150.0 %"),
        (None, "—"),
        (math.nan, "—"),
    ],
)
def test_a_share_is_never_nothing_or_all_unless_it_is(share: float | None, text: str) -> None:
    assert numbers.percent(share) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "less than 0.01 %"),
        (0.0001, "0.01 %"),
        (0.005, "0.5 %"),
        (0.0312, "3 %"),
        (0.1, "10 %"),
        (0.8, "80 %"),
        (0.834, "83 %"),
        (0.9995, "more than 99 %"),
        (1.0, "100 %"),
        (None, "—"),
        (math.nan, "—"),
    ],
)
def test_a_chance_is_written_without_an_exponent(p: float | None, text: str) -> None:
    assert numbers.chance(p) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 classes"), (1, "1 class"), (2, "2 classes"), (1234, "1,234 classes")]
)
def test_a_noun_has_the_number_of_its_count(count: int, text: str) -> None:
    assert numbers.counted(count, "class", "classes") == text
    assert numbers.counted(count, "image") == f"{count:,} image{'' if count == 1 else 's'}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-0.4, "0 s"),
        (35.4, "35 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (3599, "60 min"),
        (9000, "2.5 h"),
        (400_000, "5 days"),
        (None, "—"),
    ],
)
def test_a_duration_that_was_measured(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a few seconds"),
        (4.9, "a few seconds"),
        (12, "about 10 s"),
        (25, "about half a minute"),
        (34, "about half a minute"),
        (70, "about a minute"),
        (130, "about 2 min"),
        (3400, "about an hour"),
        (5000, "about 1.5 h"),
        (7200, "about 2 h"),
        (400_000, "about 100 h"),
        (math.nan, "—"),
    ],
)
def test_a_duration_that_was_estimated_is_rounded(seconds: float, text: str) -> None:
    assert numbers.about(seconds) == text


def test_estimates_are_rounded_by_less_than_a_third_and_never_downwards_out_of_order() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    named = {"half a minute": 30.0, "a minute": 60.0, "an hour": 3600.0}
    before = 0.0
    for step in range(900):
        seconds = 5.0 * 1.02**step
        text = numbers.about(seconds).removeprefix("about ")
        amount, _, unit = text.replace(",", "").partition(" ")
        rounded = named.get(text) or float(amount) * units[unit]
        assert 0.75 < rounded / seconds < 1.34, (seconds, text)
        assert rounded >= before, (seconds, text)
        before = rounded


@pytest.mark.parametrize(
    ("value", "most", "text"),
    [
        (1234, 2, "1,200"),
        (0.0123, 2, "0.012"),
        (100 * 0.07, 6, "7"),
        (1e-9, 3, "0.000000001"),
        (2_500_000, 6, "2,500,000"),
        (-0.0, 6, "0"),
        (None, 6, "—"),
        (math.nan, 6, "—"),
    ],
)
def test_digits_that_count_are_written_without_an_exponent(value: float | None, most: int, text: str) -> None:
    assert numbers.digits(value, most) == text


def test_what_floating_point_adds_is_rounded_away() -> None:
    assert numbers.rounded(0.1 * 3) == 0.3
    assert numbers.rounded(1234.5678, 2) == 1200.0
    assert numbers.rounded(0.0) == 0.0


def formatted(path: Path) -> list[str]:
    """The fields of f-strings that format a number by themselves, with their lines."""
    fields = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FormattedValue)]
    specs = [(node, ast.unparse(node.format_spec)) for node in fields if node.format_spec is not None]
    return [f"{path.name}:{node.lineno}" for node, spec in specs if spec.rstrip("'\"")[-1:] in "eEfFgG%"]


def test_a_format_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("a = f'{1:.0e}'\nb = f'{1:>6} {2:,}'\nc = f'{3:+.1f} % of %{{x:.2f}}'\n")
    assert formatted(tmp_path / "page.py") == ["page.py:1", "page.py:3"]


def test_texts_for_people_leave_their_numbers_to_this_module() -> None:
    """What formats by itself sooner or later writes 8e+01 %, -0.0 or nan."""
    files = [path for folder in SHOWN for path in sorted((ROOT / folder).rglob("*.py"))]
    named = {path.relative_to(ROOT).as_posix(): formatted(path) for path in files}
    assert {name: lines for name, lines in named.items() if lines and name not in FOR_PROGRAMS} == {}
    assert [name for name in FOR_PROGRAMS if not named[name]] == []
