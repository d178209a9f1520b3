"""Tables of measurements."""

from core.system.tables import spread, table


def test_a_table_names_its_columns_and_aligns_all_but_the_first() -> None:
    assert table(["a", "b"], [["x", "1"], ["y", "2"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | 2 |"


def test_a_spread_is_mean_and_standard_deviation() -> None:
    assert spread([]) == ""
    assert spread([1.25]) == "1.2"
    assert spread([1.0, 3.0]) == "2.0 ± 1.4"
