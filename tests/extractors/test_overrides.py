"""Options in names of weights files: what is read comes back, what is not allowed is named."""

import pytest

from core.extractors.overrides import Overrides, parse
from core.system.errors import SpecError


def test_options_are_read() -> None:
    options = parse(
        "heads=12&act=quick_gelu&mean=0.5,0.25,0&std=1,0.5,0.125&weights=raw&prefix=a.b.&transform_input=true"
    )
    assert options == Overrides(
        heads=12,
        act="quick_gelu",
        mean=(0.5, 0.25, 0.0),
        std=(1.0, 0.5, 0.125),
        weights="raw",
        prefix="a.b.",
        transform_input="true",
    )
    assert parse("") == Overrides()


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("act=gelu&heads=3", "heads=3&act=gelu"),  # in one order, so that equal options are one name
        ("mean=0.50,.5,5e-1", "mean=0.5,0.5,0.5"),
        ("prefix=", "prefix="),
        ("prefix=a%20b.", "prefix=a%20b."),
        ("mean=0.4980392156862745,0,1", "mean=0.4980392156862745,0.0,1.0"),
        ("", ""),
    ],
)
def test_options_have_one_spelling(typed: str, query: str) -> None:
    assert parse(typed).to_query() == query
    assert parse(query) == parse(typed)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("depth=3", "'depth', which is no option"),
        ("heads=2&heads=3", "say one thing twice"),
        ("heads", "can't be read"),
        ("heads=many", "'heads=many' of a weights file is not allowed. Allowed: heads=N"),
        ("heads=0", "Allowed: heads=N, a number of attention heads from 1 to 256"),
        ("act=swish", "Allowed: act=gelu|gelu_tanh|quick_gelu|relu|silu"),
        ("mean=0.5", "Allowed: mean=R,G,B, each from 0 to 1"),
        ("mean=123.7,116.3,103.5", "Allowed: mean=R,G,B, each from 0 to 1"),
        ("mean=nan,0,0", "Allowed: mean=R,G,B"),
        ("std=0,0.1,0.1", "Allowed: std=R,G,B, each above 0"),
        ("weights=best", "Allowed: weights=ema|raw"),
        ("prefix=module", "with its full stop"),
        ("transform_input=yes", "Allowed: transform_input=true|false"),
    ],
)
def test_what_is_not_allowed_is_named(query: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(query)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_filled_only_where_nothing_is_said() -> None:
    assert parse("heads=6").filled(heads=12, act="gelu") == parse("heads=6&act=gelu")
