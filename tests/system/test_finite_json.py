"""JSON that any reader takes: `null` for what is not finite, and no other writer anywhere."""

import ast
import json
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from core.system.finite_json import dumps, number
from core.system.paths import ROOT

FILES = [*(path for part in ("core", "pages", "benchmarks", "examples") for path in (ROOT / part).rglob("*.py"))]
FILES += [ROOT / "app.py"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_is_not_finite_is_null_at_any_depth(value: float) -> None:
    assert dumps(value) == "null"
    assert dumps({"a": [1.5, (value, 2)], "b": {"c": value}}) == '{"a": [1.5, [null, 2]], "b": {"c": null}}'
    assert dumps(OrderedDict(x=value)) == '{"x": null}'


def test_all_else_is_as_the_standard_library_writes_it() -> None:
    value = {"b": 1, "a": [True, None, "é", 0.1, 1e300, -0.0], "c": {}, "d": [], 3: "key"}
    assert dumps(value) == json.dumps(value)
    plain = {key: value[key] for key in ("b", "a", "c")}
    assert dumps(plain, indent=1, sort_keys=True) == json.dumps(plain, indent=1, sort_keys=True)
    assert dumps(plain, ensure_ascii=False) == json.dumps(plain, ensure_ascii=False)


def test_a_default_may_return_what_is_not_finite() -> None:
    @dataclass
    class Pair:
        left: float
        right: float

    assert dumps([Pair(1.0, math.nan)], default=asdict) == '[{"left": 1.0, "right": null}]'
    with pytest.raises(TypeError, match="Pair"):
        dumps(Pair(1.0, 2.0))


def test_null_is_read_as_no_number() -> None:
    assert math.isnan(number(None))
    assert number(0.25) == 0.25


def writers(source: str) -> Iterator[int]:
    """Lines that write JSON by the standard library and may write NaN: a call without `allow_nan=False`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "json":
            yield from (node.lineno for alias in node.names if alias.name.startswith("dump"))
        if isinstance(node, ast.Import):
            yield from (node.lineno for alias in node.names if alias.name == "json" and alias.asname)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of, name = node.func.value, node.func.attr
        if isinstance(of, ast.Name) and of.id == "json" and name in ("dump", "dumps", "JSONEncoder"):
            strict = (keyword.arg == "allow_nan" and ast.unparse(keyword.value) == "False" for keyword in node.keywords)
            if not any(strict):
                yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import json\njson.dumps(1)", [2]),
        ("from json import dumps", [1]),
        ("import json as j", [1]),
        ("json.dump(1, file, allow_nan=True)", [1]),
        ("json.dumps(1, allow_nan=False)\nfinite_json.dumps(1)\njson.loads(text)", []),
    ],
)
def test_a_writer_is_noticed(source: str, lines: list[int]) -> None:
    assert list(writers(source)) == lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_writes_json_that_may_hold_nan(path: Path) -> None:
    assert list(writers(path.read_text())) == [], "use core.system.finite_json.dumps"


SHIPPED = [path for part in ("assets", "docs", "benchmarks") for path in (ROOT / part).rglob("*.json")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_ships_holds_finite_numbers_alone(path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{path} holds {name}")

    json.loads(path.read_text(), parse_constant=refuse)
