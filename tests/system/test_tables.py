"""Tables in documents and in the terminal."""

import pytest

from core.system.tables import markdown_table, mean_and_deviation, plus_minus, text_table


def test_markdown_names_its_columns_and_aligns_all_but_the_first_right() -> None:
    assert markdown_table(["a", "b"], [["x", "1"], ["y", "2"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | 2 |"


def test_markdown_columns_are_aligned_as_asked() -> None:
    assert markdown_table(["a", "b"], [["x", "1"]], "rl").splitlines()[1] == "| ---: | --- |"


def test_text_columns_stand_under_each_other() -> None:
    table = text_table([["noise", "7", "x"], ["ft", "1,000", ""]], header=["attack", "m", "note"], align="lrl")
    assert table.splitlines() == ["attack      m  note", "noise       7  x", "ft      1,000"]


def test_text_without_a_header_is_indented() -> None:
    assert text_table([["a", "one"], ["bcd", "two"]], align="ll", indent=2) == "  a    one\n  bcd  two"
    assert text_table([]) == ""


@pytest.mark.parametrize("align", ["l", "lrr", "lx"])
def test_an_alignment_names_each_column(align: str) -> None:
    with pytest.raises(ValueError, match=r"l or r for each of the 2 columns"):
        markdown_table(["a", "b"], [["x", "1"]], align)
    with pytest.raises(ValueError, match=r"l or r for each of the 2 columns"):
        text_table([["x", "1"]], align=align)


def test_a_row_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells, the first line of its table 2"):
        markdown_table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="1 cells, the first line of its table 2"):
        text_table([["x", "1"], ["y"]])


def test_a_measurement_is_its_mean_and_what_it_may_be_off_by() -> None:
    assert plus_minus(3.14, 1.14) == "3.1 ± 1.1"
    assert plus_minus(3.14, None) == "3.1"


def test_several_measurements_are_mean_and_standard_deviation() -> None:
    assert mean_and_deviation([]) == ""
    assert mean_and_deviation([1.25]) == "1.2"
    assert mean_and_deviation([1.0, 3.0]) == "2.0 ± 1.4"
